# What the machine is on the host.

variable "libvirt_uri" {
  description = "The hypervisor: qemu:///system is this host, qemu+ssh://USER@HOST/system another."
  type        = string
  default     = "qemu:///system"

  validation {
    condition     = can(regex("^qemu(\\+(ssh|sshcmd|tcp|tls))?://[^ ]*/system", var.libvirt_uri))
    error_message = "libvirt_uri names a system hypervisor, for example qemu:///system or qemu+ssh://root@hypervisor/system: a session one may not pass a GPU through. `virsh uri` shows yours."
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
    error_message = "image by URL is one dated release, as in …/releases/noble/release-20260911/…, never current: the same plan has to give the same machine."
  }
}

variable "image_sha256" {
  description = "Digest of the image where it is a file; a download's is not checked, so bring the file first where that matters."
  type        = string
  default     = null

  validation {
    condition     = var.image_sha256 == null || can(regex("^[0-9a-f]{64}$", var.image_sha256))
    error_message = "image_sha256 is 64 hexadecimal digits, the image's line in the release's SHA256SUMS."
  }
}

variable "disk_gib" {
  description = "Size of the disk in GiB: system, container images, models, the vectors of the index."
  type        = number
  default     = 200

  validation {
    condition     = var.disk_gib >= 60 && floor(var.disk_gib) == var.disk_gib
    error_message = "disk_gib is a whole number of at least 60: vLLM's image and one 7B model take 40."
  }
}

variable "bridge" {
  description = "Host bridge into your network, which a node that joins a cluster needs; null: a network of its own behind the host (NAT)."
  type        = string
  default     = null
}

variable "network_cidr" {
  description = "Range of that network of its own."
  type        = string
  default     = "10.87.0.0/24"

  validation {
    condition     = can(cidrhost(var.network_cidr, 10)) && can(regex("^(10|172|192)\\.", var.network_cidr))
    error_message = "network_cidr is a private range that nothing else here uses, for example 10.87.0.0/24. `ip route` shows what is used."
  }
}

variable "address" {
  description = "IPv4 address of the machine with its prefix, outside your DHCP server's range; null behind the host: the tenth of network_cidr."
  type        = string
  default     = null

  validation {
    condition     = var.bridge == null || var.address != null
    error_message = "On a bridge the machine needs address, for example 192.168.1.50/24, free and outside the DHCP range: a node that changes its address leaves its cluster."
  }
}

variable "gateway" {
  description = "Router of your network; null behind the host: the first of network_cidr."
  type        = string
  default     = null

  validation {
    condition     = var.bridge == null || var.gateway != null
    error_message = "On a bridge the machine needs gateway, for example 192.168.1.1. `ip route show default` on the host shows it."
  }
}

variable "autostart" {
  description = "Start the machine with the host."
  type        = bool
  default     = true
}

variable "running" {
  description = "Have the machine run; false gives the GPU back to the host (and its other machines) without losing anything."
  type        = bool
  default     = true
}

variable "kubeconfig" {
  description = "File for the kubeconfig of a cluster that is started here; the credentials are in this file alone, never in Terraform's state."
  type        = string
  default     = "kubeconfig.yaml"
}

variable "ssh_private_key" {
  description = "File of the private key by which the kubeconfig is fetched; null: what ssh finds by itself (agent, ~/.ssh)."
  type        = string
  default     = null
}

# What modules/passthrough checks; null is its default.

variable "gpu_pci_addresses" {
  description = "PCI addresses of the GPU's functions, all of its IOMMU group: `lspci -nn -D | grep -i nvidia`."
  type        = list(string)
}

variable "vcpus" {
  description = "Virtual CPUs."
  type        = number
  default     = null
}

variable "pinned_cpus" {
  description = "Host CPUs that they are pinned to, one each."
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
  description = "Size in MiB of the huge pages behind it: 2, 1024, or 0 for none."
  type        = number
  default     = null
}

# What modules/cloud-init checks; null is its default.

variable "node_name" {
  description = "Name of the machine, and of the node in the cluster."
  type        = string
  default     = "gpu-1"
}

variable "dns_servers" {
  description = "Name servers; by default the gateway."
  type        = list(string)
  default     = null
}

variable "admin_user" {
  description = "User that may log in by key."
  type        = string
  default     = null
}

variable "ssh_keys" {
  description = "Public keys that open the machine."
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
  description = "k3s-server starts a cluster; k3s-agent and kubeadm-worker join yours."
  type        = string
}

variable "cluster_endpoint" {
  description = "Where the cluster to join answers."
  type        = string
  default     = null
}

variable "cluster_token" {
  description = "Token that lets the node join: TF_VAR_cluster_token in the environment keeps it out of files."
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
  description = "Release of k3s."
  type        = string
  default     = null
}

variable "k3s_sha256" {
  description = "Digest of that release's program."
  type        = string
  default     = null
}

variable "kubernetes_version" {
  description = "Kubernetes of the kubeadm cluster."
  type        = string
  default     = null
}

variable "mirrors" {
  description = "Addresses that stand in for the projects' own: ubuntu, nvidia, k3s, kubernetes, images."
  type        = map(string)
  default     = null

  validation {
    condition     = length(setsubtract(keys(coalesce(var.mirrors, {})), ["ubuntu", "nvidia", "k3s", "kubernetes", "images"])) == 0
    error_message = "mirrors knows ubuntu, nvidia, k3s, kubernetes and images, for example { ubuntu = \"http://mirror.lan/ubuntu\" }."
  }
}

variable "taint" {
  description = "Keep pods that ask for no GPU off the node; by default yes for a node that joins."
  type        = bool
  default     = null
}
