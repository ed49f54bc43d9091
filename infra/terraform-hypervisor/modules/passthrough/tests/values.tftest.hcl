variables {
  gpu_pci_addresses = ["0000:c1:1f.0", "0000:c1:1f.1"]
}

run "addresses_become_numbers" {
  command = plan

  assert {
    condition = output.functions == [
      { domain = 0, bus = 193, slot = 31, function = 0 },
      { domain = 0, bus = 193, slot = 31, function = 1 },
    ]
    error_message = "0000:c1:1f.1 is domain 0, bus 193, slot 31, function 1."
  }
}

run "defaults_pin_nothing" {
  command = plan

  assert {
    condition     = output.cpu_pins == null && output.emulator_cpus == null && output.huge_page_mib == null && output.memory_mib == 49152
    error_message = "Without pinned_cpus and huge_page_mib, the host decides."
  }
}

run "null_means_the_default" {
  command = plan

  variables {
    vcpus         = null
    memory_gib    = null
    huge_page_mib = null
    pinned_cpus   = null
  }

  assert {
    condition     = output.vcpus == 12 && output.memory_mib == 49152
    error_message = "The root module passes null for unset variables."
  }
}

run "pins_are_in_order" {
  command = plan

  variables {
    vcpus         = 2
    pinned_cpus   = [6, 4]
    emulator_cpus = "0-1"
    huge_page_mib = 1024
  }

  assert {
    condition     = output.cpu_pins == [{ vcpu = 0, cpu_set = "6" }, { vcpu = 1, cpu_set = "4" }] && output.emulator_cpus == "0-1" && output.huge_page_mib == 1024
    error_message = "The first virtual CPU is pinned to the first host CPU."
  }
}
