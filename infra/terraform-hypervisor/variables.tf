# What the machine is on the host.

variable "libvirt_uri" {
  description = "The hypervisor: qemu:///system is this host, qemu+ssh://USER@HOST/system another."
  type        = string
  default     = "qemu:///system"

  validation {
    condition     = can(regex("^qemu(\\+(ssh|sshcmd|tcp|tls))?://[^ ]*/system", var.libvirt_uri))
    error_message = "libvirt_uri is the URI of a system hypervisor, for example qemu:///system or qemu+ssh://root@hypervisor/system; a session hypervisor cannot pass a GPU through. `virsh uri` shows yours."
  }
}

variable "pool" {
  description = "Storage pool for the disks."
  type        = string
  default     = "default"
}

variable "image" {
  description = "Ubuntu 24.04 cloud image: a dated release's URL, or a file on the machine that runs Terraform."
  type        = string
  default     = "https://cloud-images.ubuntu.com/releases/noble/release-20260911/ubuntu-24.04-server-cloudimg-amd64.img"

  validation {
    condition     = !strcontains(var.image, "://") || can(regex("^https?://.+/release-[0-9]{8}/", var.image))
    error_message = "An image URL must point to a dated release, as in …/releases/noble/release-20260911/…, not to current: the same plan must create the same machine."
  }
}

variable "image_sha256" {
  description = "Digest of the image, which is verified before use; null: the one that the release lists, or none for a file."
  type        = string
  default     = null

  validation {
    condition     = var.image_sha256 == null || can(regex("^[0-9a-f]{64}$", var.image_sha256))
    error_message = "image_sha256 is 64 hexadecimal digits, the image's line in the release's SHA256SUMS."
  }
}

variable "disk_gib" {
  description = "Disk size in GiB, for the system, container images, models and the index."
  type        = number
  default     = 200

  validation {
    condition     = var.disk_gib >= 60 && floor(var.disk_gib) == var.disk_gib
    error_message = "disk_gib is a whole number of at least 60; vLLM's image and one 7B model take 40."
  }
}

variable "bridge" {
  description = "Host bridge into your network, required for a joining node; null: a separate NAT network behind the host."
  type        = string
  default     = null
}

variable "network_cidr" {
  description = "Address range of that NAT network."
  type        = string
  default     = "10.87.0.0/24"

  validation {
    condition     = can(cidrhost(var.network_cidr, 10)) && can(regex("^(10|172|192)\\.", var.network_cidr))
    error_message = "network_cidr is an unused private range, for example 10.87.0.0/24. `ip route` shows the ranges in use."
  }
}

variable "address" {
  description = "IPv4 address of the machine with its prefix, outside your DHCP server's range; null with NAT: the tenth address of network_cidr."
  type        = string
  default     = null

  validation {
    condition     = var.bridge == null || var.address != null
    error_message = "With a bridge, set address to a free address outside the DHCP range, for example 192.168.1.50/24: a node whose address changes loses its cluster."
  }
}

variable "gateway" {
  description = "Router of your network; null with NAT: the first address of network_cidr."
  type        = string
  default     = null

  validation {
    condition     = var.bridge == null || var.gateway != null
    error_message = "With a bridge, set gateway, for example 192.168.1.1. `ip route show default` on the host shows it."
  }
}

variable "autostart" {
  description = "Start the machine when the host boots."
  type        = bool
  default     = true
}

variable "running" {
  description = "Whether the machine runs; false returns the GPU to the host (and its other machines) without data loss."
  type        = bool
  default     = true
}

variable "kubeconfig" {
  description = "Path for the kubeconfig of a cluster started here; the credentials are only in this file, never in Terraform's state."
  type        = string
  default     = "kubeconfig.yaml"
}

variable "ssh_private_key" {
  description = "Path of the private key used to fetch the kubeconfig; null: ssh's defaults (agent, ~/.ssh)."
  type        = string
  default     = null
}

# Validated by modules/passthrough; null selects its default.

variable "gpu_pci_addresses" {
  description = "PCI addresses of all functions in the GPU's IOMMU group: `lspci -nn -D | grep -i nvidia`."
  type        = list(string)
}

variable "vcpus" {
  description = "Virtual CPUs."
  type        = number
  default     = null
}

variable "pinned_cpus" {
  description = "Host CPUs to pin them to, one each."
  type        = list(number)
  default     = null
}

variable "emulator_cpus" {
  description = "Host CPUs for QEMU's own threads, for example \"0-1\"."
  type        = string
  default     = null
}

variable "memory_gib" {
  description = "Memory in GiB."
  type        = number
  default     = null
}

variable "huge_page_mib" {
  description = "Huge page size in MiB: 2, 1024, or 0 for none."
  type        = number
  default     = null
}

# Validated by modules/cloud-init; null selects its default.

variable "node_name" {
  description = "Name of the machine, and of the node in the cluster."
  type        = string
  default     = "gpu-1"
}

variable "dns_servers" {
  description = "Name servers; default: the gateway."
  type        = list(string)
  default     = null
}

variable "admin_user" {
  description = "User that can log in with an SSH key."
  type        = string
  default     = null
}

variable "ssh_keys" {
  description = "Authorised SSH public keys."
  type        = list(string)
}

variable "driver_branch" {
  description = "Branch of NVIDIA's data-centre driver in Ubuntu."
  type        = string
  default     = null
}

variable "open_modules" {
  description = "Use the driver's open kernel modules (Turing and later)."
  type        = bool
  default     = null
}

variable "toolkit_version" {
  description = "Version of NVIDIA's container toolkit."
  type        = string
  default     = null
}

variable "cluster" {
  description = "k3s-server starts a cluster; k3s-agent and kubeadm-worker join an existing one."
  type        = string
}

variable "cluster_endpoint" {
  description = "API address of the cluster to join."
  type        = string
  default     = null
}

variable "cluster_token" {
  description = "Join token of the cluster; set TF_VAR_cluster_token in the environment to keep it out of files."
  type        = string
  default     = null
  sensitive   = true
}

variable "cluster_ca_hash" {
  description = "Digest of the kubeadm cluster's CA."
  type        = string
  default     = null
}

variable "k3s_version" {
  description = "k3s release."
  type        = string
  default     = null
}

variable "k3s_sha256" {
  description = "Digest of that release's binary."
  type        = string
  default     = null
}

variable "kubernetes_version" {
  description = "Kubernetes version of the kubeadm cluster."
  type        = string
  default     = null
}

variable "mirrors" {
  description = "Mirror addresses that replace the projects' own: ubuntu, nvidia, k3s, kubernetes, images."
  type        = map(string)
  default     = null

  validation {
    condition     = length(setsubtract(keys(coalesce(var.mirrors, {})), ["ubuntu", "nvidia", "k3s", "kubernetes", "images"])) == 0
    error_message = "mirrors accepts ubuntu, nvidia, k3s, kubernetes and images, for example { ubuntu = \"http://mirror.lan/ubuntu\" }."
  }
}

variable "registries" {
  description = "Registries that the node reaches elsewhere than at https://NAME: one without TLS, or the mirror of a public one, with a path if it keeps the images under one."
  type        = map(string)
  default     = null
}

variable "taint" {
  description = "Keep pods that request no GPU off the node; default: yes for a joining node."
  type        = bool
  default     = null
}
