mock_provider "libvirt" {}

variables {
  gpu_pci_addresses = ["0000:01:00.0"]
  ssh_keys          = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNvZGVpbnRlbGNvZGVpbnRlbGNvZGVpbnRlbGNvZGU admin@example"]
  cluster           = "k3s-server"
}

run "session_hypervisor" {
  command         = plan
  expect_failures = [var.libvirt_uri]

  variables {
    libvirt_uri = "qemu:///session"
  }
}

run "image_that_moves" {
  command         = plan
  expect_failures = [var.image]

  variables {
    image = "https://cloud-images.ubuntu.com/noble/current/noble-server-cloudimg-amd64.img"
  }
}

run "digest_in_words" {
  command         = plan
  expect_failures = [var.image_sha256]

  variables {
    image_sha256 = "latest"
  }
}

run "small_disk" {
  command         = plan
  expect_failures = [var.disk_gib]

  variables {
    disk_gib = 20
  }
}

run "public_network" {
  command         = plan
  expect_failures = [var.network_cidr]

  variables {
    network_cidr = "8.8.8.0/24"
  }
}

run "bridge_without_address" {
  command         = plan
  expect_failures = [var.address]

  variables {
    bridge  = "br0"
    gateway = "192.168.1.1"
  }
}

run "bridge_without_gateway" {
  command         = plan
  expect_failures = [var.gateway]

  variables {
    bridge  = "br0"
    address = "192.168.1.50/24"
  }
}

run "misspelt_mirror" {
  command         = plan
  expect_failures = [var.mirrors]

  variables {
    mirrors = { ubunto = "http://mirror.lan/ubuntu" }
  }
}
