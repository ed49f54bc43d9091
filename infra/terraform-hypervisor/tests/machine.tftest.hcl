# Tests of the machine without a hypervisor: the provider validates every attribute and creates nothing.
mock_provider "libvirt" {}

override_resource {
  target = terraform_data.kubeconfig
}

variables {
  gpu_pci_addresses = ["0000:01:00.0", "0000:01:00.1"]
  ssh_keys          = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNvZGVpbnRlbGNvZGVpbnRlbGNvZGVpbnRlbGNvZGU admin@example"]
  cluster           = "k3s-server"
}

run "behind_the_host" {
  command = plan

  assert {
    condition     = libvirt_network.own[0].ips[0].address == "10.87.0.1" && output.address == "10.87.0.10"
    error_message = "Without a bridge, the machine has the tenth address of its own network."
  }

  assert {
    condition     = [for device in libvirt_domain.node.devices.hostdevs : device.subsys_pci.source.address.function] == [0, 1]
    error_message = "Both functions of the GPU are passed through."
  }

  assert {
    condition     = libvirt_domain.node.memory_backing == null && libvirt_domain.node.cpu_tune == null && libvirt_domain.node.devices.mem_balloon.model == "none"
    error_message = "Nothing is pinned by default."
  }

  assert {
    condition     = length(terraform_data.kubeconfig) == 1 && endswith(output.kubeconfig, "/kubeconfig.yaml")
    error_message = "A first server's kubeconfig is fetched."
  }
}

run "joining_over_a_bridge" {
  command = plan

  variables {
    cluster          = "k3s-agent"
    cluster_endpoint = "https://192.168.1.10:6443"
    cluster_token    = "K10abcdef::node:0123456789"
    bridge           = "br0"
    address          = "192.168.1.50/24"
    gateway          = "192.168.1.1"
    vcpus            = 2
    pinned_cpus      = [2, 3]
    emulator_cpus    = "0-1"
    huge_page_mib    = 1024
  }

  assert {
    condition     = length(libvirt_network.own) == 0 && libvirt_domain.node.devices.interfaces[0].source.bridge.bridge == "br0"
    error_message = "With a bridge, no separate network is created."
  }

  assert {
    condition     = libvirt_domain.node.cpu_tune.vcpu_pin[1].cpu_set == "3" && libvirt_domain.node.cpu_tune.emulator_pin.cpu_set == "0-1"
    error_message = "The second virtual CPU is on host CPU 3."
  }

  assert {
    condition     = libvirt_domain.node.memory_backing.memory_huge_pages.hugepages[0].size == 1048576
    error_message = "Huge pages of 1 GiB."
  }

  assert {
    condition     = length(terraform_data.kubeconfig) == 0 && output.kubeconfig == null
    error_message = "A joining node creates no kubeconfig."
  }
}

run "stopped" {
  command = plan

  variables {
    running = false
  }

  assert {
    condition     = libvirt_domain.node.running == false && length(terraform_data.kubeconfig) == 0
    error_message = "Terraform does not wait for a stopped machine."
  }
}

run "image_with_another_digest" {
  command         = plan
  expect_failures = [libvirt_volume.image]

  variables {
    image        = "versions.tf"
    image_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
  }
}

run "image_of_a_release" {
  command = plan

  assert {
    condition     = length(terraform_data.image) == 1 && endswith(libvirt_volume.image.create.content.url, "/.images/release-20260911-ubuntu-24.04-server-cloudimg-amd64.img")
    error_message = "A release's image is downloaded and verified before libvirt reads it."
  }
}
