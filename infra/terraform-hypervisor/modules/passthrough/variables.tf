variable "gpu_pci_addresses" {
  description = "PCI addresses of all functions in the GPU's IOMMU group."
  type        = list(string)

  validation {
    condition     = length(var.gpu_pci_addresses) > 0
    error_message = "No GPU is set. `lspci -nn -D | grep -i nvidia` prints the addresses, for example 0000:01:00.0."
  }

  validation {
    condition     = alltrue([for address in var.gpu_pci_addresses : can(regex("^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\\.[0-7]$", address))])
    error_message = "A PCI address is domain:bus:slot.function in lower-case hexadecimal, for example 0000:01:00.0. `lspci -nn -D | grep -i nvidia` prints them in this form."
  }

  validation {
    condition     = length(distinct(var.gpu_pci_addresses)) == length(var.gpu_pci_addresses)
    error_message = "A PCI address is listed twice. `lspci -nn -D | grep -i nvidia` prints each function once."
  }
}

variable "vcpus" {
  description = "Virtual CPUs of the VM."
  type        = number
  nullable    = false
  default     = 12

  validation {
    condition     = var.vcpus >= 2 && floor(var.vcpus) == var.vcpus
    error_message = "vcpus is a whole number of at least 2, for example 8."
  }
}

variable "pinned_cpus" {
  description = "Host CPUs to pin the virtual CPUs to, one each, in order; empty: no pinning."
  type        = list(number)
  nullable    = false
  default     = []

  validation {
    condition     = contains([0, var.vcpus], length(var.pinned_cpus))
    error_message = "pinned_cpus lists one host CPU for each of the VM's vcpus, or none. `lscpu -e` shows which CPUs share a core and a NUMA node; `cat /sys/bus/pci/devices/ADDRESS/local_cpulist` shows which are close to the GPU."
  }

  validation {
    condition     = length(distinct(var.pinned_cpus)) == length(var.pinned_cpus) && alltrue([for cpu in var.pinned_cpus : cpu >= 0 && floor(cpu) == cpu])
    error_message = "pinned_cpus are different host CPU numbers as `lscpu -e` prints them, for example [2, 3, 4, 5]."
  }
}

variable "emulator_cpus" {
  description = "Host CPUs for QEMU's own threads if the virtual CPUs are pinned, for example \"0-1\"; empty: any."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = can(regex("^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?$", var.emulator_cpus))
    error_message = "emulator_cpus is a list of host CPUs as in \"0-1\" or \"0,8\", or empty."
  }
}

variable "memory_gib" {
  description = "Memory of the VM in GiB; it is locked on the host, because the GPU accesses it directly."
  type        = number
  nullable    = false
  default     = 48

  validation {
    condition     = var.memory_gib >= 8 && floor(var.memory_gib) == var.memory_gib
    error_message = "memory_gib is a whole number of at least 8, for example 32."
  }
}

variable "huge_page_mib" {
  description = "Huge page size in MiB for that memory: 2, 1024, or 0 for none."
  type        = number
  nullable    = false
  default     = 0

  validation {
    condition     = contains([0, 2, 1024], var.huge_page_mib)
    error_message = "huge_page_mib is 0, 2 or 1024. `grep Huge /proc/meminfo` shows the pages reserved on the host; README.md explains how to reserve them."
  }
}
