variable "node_name" {
  description = "Name of the machine, and of the node in the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.node_name))
    error_message = "node_name is at most 63 lower-case letters, digits and inner hyphens, for example gpu-1."
  }
}

variable "mac" {
  description = "MAC address of the network interface that gets the IP address."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{2}(:[0-9a-f]{2}){5}$", var.mac))
    error_message = "mac is six lower-case bytes, for example 52:54:00:12:34:56."
  }
}

variable "address" {
  description = "IPv4 address of the machine with its prefix."
  type        = string

  validation {
    condition     = can(cidrhost(var.address, 0)) && can(regex("^[0-9.]+/[0-9]+$", var.address))
    error_message = "address is an IPv4 address with its prefix, for example 192.168.1.50/24. `ip -4 addr` on the host shows the network."
  }
}

variable "gateway" {
  description = "IPv4 address of the router."
  type        = string

  validation {
    condition     = can(cidrhost("${var.gateway}/32", 0))
    error_message = "gateway is the router's IPv4 address, for example 192.168.1.1. `ip route show default` on the host shows it."
  }
}

variable "dns_servers" {
  description = "Name servers; empty: use the gateway."
  type        = list(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for server in var.dns_servers : can(cidrhost("${server}/32", 0))])
    error_message = "dns_servers are IPv4 addresses, for example [\"192.168.1.1\"]. `resolvectl status` on the host shows its own."
  }
}

variable "admin_user" {
  description = "User that can log in with an SSH key and become root."
  type        = string
  nullable    = false
  default     = "admin"

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_-]{0,31}$", var.admin_user)) && var.admin_user != "root"
    error_message = "admin_user is a Linux user name other than root, for example admin."
  }
}

variable "ssh_keys" {
  description = "Authorised SSH public keys; there are no passwords."
  type        = list(string)

  validation {
    condition     = length(var.ssh_keys) > 0 && alltrue([for key in var.ssh_keys : can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]{40,}( .*)?$", key))])
    error_message = "ssh_keys needs at least one public key, one line each as in ~/.ssh/id_ed25519.pub; without a key, nobody can log in. `ssh-keygen -t ed25519` creates a key pair."
  }
}

variable "driver_branch" {
  description = "Branch of NVIDIA's data-centre driver in Ubuntu."
  type        = string
  nullable    = false
  default     = "580"

  validation {
    condition     = can(regex("^[0-9]{3}$", var.driver_branch))
    error_message = "driver_branch is the number of a server branch that Ubuntu packages, for example 580. `apt-cache search nvidia-headless-no-dkms` in the VM lists them."
  }
}

variable "open_modules" {
  description = "Use the driver's open kernel modules: Turing and later; Blackwell has no others."
  type        = bool
  nullable    = false
  default     = true
}

variable "toolkit_version" {
  description = "Version of NVIDIA's container toolkit, as in its Debian package."
  type        = string
  nullable    = false
  default     = "1.20.0-1"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+-[0-9]+$", var.toolkit_version))
    error_message = "toolkit_version is a full package version, for example 1.20.0-1. `apt-cache madison nvidia-container-toolkit` in the VM lists them."
  }
}

variable "cluster" {
  description = "Role of the node: k3s-server (first node of a new cluster), k3s-agent or kubeadm-worker (joins an existing cluster)."
  type        = string

  validation {
    condition     = contains(["k3s-server", "k3s-agent", "kubeadm-worker"], var.cluster)
    error_message = "cluster is k3s-server (starts a cluster), or k3s-agent or kubeadm-worker (joins an existing one)."
  }
}

variable "cluster_endpoint" {
  description = "API address of the cluster to join: https://HOST:6443 for k3s, HOST:6443 for kubeadm."
  type        = string
  default     = null

  validation {
    condition     = var.cluster != "k3s-agent" || can(regex("^https://[^/:]+:[0-9]+$", var.cluster_endpoint))
    error_message = "A k3s-agent needs cluster_endpoint as in https://192.168.1.10:6443, the server line of the kubeconfig."
  }

  validation {
    condition     = var.cluster != "kubeadm-worker" || can(regex("^[^/:]+:[0-9]+$", var.cluster_endpoint))
    error_message = "A kubeadm-worker needs cluster_endpoint as in 192.168.1.10:6443. `kubeadm token create --print-join-command` on a control plane prints it."
  }

  validation {
    condition     = var.cluster != "k3s-server" || var.cluster_endpoint == null
    error_message = "A k3s-server starts a new cluster: omit cluster_endpoint, or set cluster to k3s-agent to join one."
  }
}

variable "cluster_token" {
  description = "Join token of the cluster."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.cluster != "k3s-agent" || try(length(var.cluster_token) >= 16, false)
    error_message = "A k3s-agent needs cluster_token, at least 16 characters. `k3s token create` on a server prints one; /var/lib/rancher/k3s/server/agent-token contains the permanent one."
  }

  validation {
    condition     = var.cluster != "kubeadm-worker" || can(regex("^[a-z0-9]{6}\\.[a-z0-9]{16}$", var.cluster_token))
    error_message = "A kubeadm-worker needs cluster_token in the form abcdef.0123456789abcdef. `kubeadm token create` on a control plane prints one that is valid for a day."
  }
}

variable "cluster_ca_hash" {
  description = "Digest of the kubeadm cluster's CA; the worker verifies it before it trusts the cluster."
  type        = string
  default     = null

  validation {
    condition     = var.cluster != "kubeadm-worker" || can(regex("^sha256:[0-9a-f]{64}$", var.cluster_ca_hash))
    error_message = "A kubeadm-worker needs cluster_ca_hash as in sha256:… (64 hexadecimal digits). `kubeadm token create --print-join-command` prints it."
  }
}

variable "k3s_version" {
  description = "k3s release; on a joining node it must not be newer than on its server."
  type        = string
  nullable    = false
  default     = "v1.37.1+k3s1"

  validation {
    condition     = can(regex("^v1\\.[0-9]+\\.[0-9]+\\+k3s[0-9]+$", var.k3s_version))
    error_message = "k3s_version is a full release, for example v1.37.1+k3s1, not a channel. `k3s --version` on the server shows its version."
  }
}

variable "k3s_sha256" {
  description = "Digest of that release's k3s binary; empty: use the digest that the release lists."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = can(regex("^([0-9a-f]{64})?$", var.k3s_sha256))
    error_message = "k3s_sha256 is 64 hexadecimal digits, the line of `k3s` in the release's sha256sum-amd64.txt, or empty."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes version of the kubeadm cluster, as in its Debian package without the revision."
  type        = string
  nullable    = false
  default     = "1.37.2"

  validation {
    condition     = can(regex("^1\\.[0-9]+\\.[0-9]+$", var.kubernetes_version))
    error_message = "kubernetes_version is a full version, for example 1.37.2. `kubectl version` shows the cluster's."
  }
}

variable "mirrors" {
  description = "Mirror addresses that replace the projects' own, for a site without internet access."
  type = object({
    ubuntu     = optional(string, "")
    nvidia     = optional(string, "https://nvidia.github.io/libnvidia-container")
    k3s        = optional(string, "https://github.com/k3s-io/k3s/releases/download")
    kubernetes = optional(string, "https://pkgs.k8s.io/core:/stable:")
    images     = optional(string, "")
  })
  nullable = false
  default  = {}

  validation {
    condition     = alltrue([for name, url in var.mirrors : (url == "" && contains(["ubuntu", "images"], name)) || can(regex(name == "images" ? "^[^/ ]+$" : "^https?://[^ ]+[^/ ]$", url))])
    error_message = "mirrors contains addresses without a trailing slash, for example { ubuntu = \"http://mirror.lan/ubuntu\" }; images is a registry's HOST:PORT."
  }
}

variable "registries" {
  description = "Registries that the node reaches elsewhere than at https://NAME: one without TLS, or the mirror of a public one, with a path if it keeps the images under one."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for name, url in var.registries : can(regex("^[a-z0-9.-]+(:[0-9]+)?$", name)) && can(regex("^https?://[^/ ]+(/[^ ]*[^/ ])?$", url))])
    error_message = "registries maps HOST or HOST:PORT, as images name it, to an address without a trailing slash, for example { \"registry.example:5000\" = \"http://registry.example:5000\", \"docker.io\" = \"http://registry.example:5000/docker.io\" }."
  }
}

variable "taint" {
  description = "Keep pods that request no GPU off the node; null: yes for a joining node, no for a single node."
  type        = bool
  default     = null
}
