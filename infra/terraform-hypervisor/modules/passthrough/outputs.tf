output "functions" {
  description = "Each PCI function as numbers: domain, bus, slot, function."
  value       = [for parts in local.functions : { for name, digits in parts : name => parseint(digits, 16) }]
}

output "vcpus" {
  description = "Virtual CPUs."
  value       = var.vcpus
}

output "cpu_pins" {
  description = "Host CPU of each virtual CPU; null if none is pinned."
  value       = length(var.pinned_cpus) == 0 ? null : [for index, cpu in var.pinned_cpus : { vcpu = index, cpu_set = tostring(cpu) }]
}

output "emulator_cpus" {
  description = "Host CPUs for QEMU's own threads; null for any."
  value       = var.emulator_cpus == "" ? null : var.emulator_cpus
}

output "memory_mib" {
  description = "Memory in MiB."
  value       = var.memory_gib * 1024
}

output "huge_page_mib" {
  description = "Huge page size in MiB; null for none."
  value       = var.huge_page_mib == 0 ? null : var.huge_page_mib
}
