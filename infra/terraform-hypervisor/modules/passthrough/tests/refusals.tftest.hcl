variables {
  gpu_pci_addresses = ["0000:01:00.0"]
}

run "no_gpu" {
  command         = plan
  expect_failures = [var.gpu_pci_addresses]

  variables {
    gpu_pci_addresses = []
  }
}

run "address_without_a_domain" {
  command         = plan
  expect_failures = [var.gpu_pci_addresses]

  variables {
    gpu_pci_addresses = ["01:00.0"]
  }
}

run "slot_beyond_1f" {
  command         = plan
  expect_failures = [var.gpu_pci_addresses]

  variables {
    gpu_pci_addresses = ["0000:01:20.0"]
  }
}

run "address_twice" {
  command         = plan
  expect_failures = [var.gpu_pci_addresses]

  variables {
    gpu_pci_addresses = ["0000:01:00.0", "0000:01:00.0"]
  }
}

run "one_vcpu" {
  command         = plan
  expect_failures = [var.vcpus]

  variables {
    vcpus = 1
  }
}

run "fewer_pins_than_vcpus" {
  command         = plan
  expect_failures = [var.pinned_cpus]

  variables {
    vcpus       = 4
    pinned_cpus = [1, 2]
  }
}

run "pinned_twice" {
  command         = plan
  expect_failures = [var.pinned_cpus]

  variables {
    vcpus       = 2
    pinned_cpus = [1, 1]
  }
}

run "emulator_cpus_in_words" {
  command         = plan
  expect_failures = [var.emulator_cpus]

  variables {
    emulator_cpus = "first two"
  }
}

run "too_little_memory" {
  command         = plan
  expect_failures = [var.memory_gib]

  variables {
    memory_gib = 4
  }
}

run "huge_pages_of_no_size" {
  command         = plan
  expect_failures = [var.huge_page_mib]

  variables {
    huge_page_mib = 512
  }
}
