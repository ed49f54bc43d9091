locals {
  machine = libvirt_domain.node.uuid
}

resource "libvirt_network" "own" {
  count = local.own_network ? 1 : 0

  name      = "${var.node_name}-net"
  autostart = true
  forward   = { mode = "nat" }
  ips = [{
    address = cidrhost(var.network_cidr, 1)
    netmask = cidrnetmask(var.network_cidr)
  }]
}

resource "libvirt_volume" "image" {
  name   = "${var.node_name}-image.qcow2"
  pool   = var.pool
  target = { format = { type = "qcow2" } }
  create = { content = { url = local.image_file } }

  depends_on = [terraform_data.image]

  lifecycle {
    precondition {
      condition     = var.image_sha256 == null || local.downloads || try(filesha256(var.image) == var.image_sha256, false)
      error_message = "The file in image does not exist, or its digest differs from image_sha256. The release's SHA256SUMS lists the digest; `sha256sum FILE` computes it."
    }
  }
}

resource "libvirt_volume" "disk" {
  name     = "${var.node_name}.qcow2"
  pool     = var.pool
  capacity = var.disk_gib * pow(1024, 3)
  target   = { format = { type = "qcow2" } }
  backing_store = {
    path   = libvirt_volume.image.path
    format = { type = "qcow2" }
  }
}

resource "libvirt_cloudinit_disk" "seed" {
  name           = "${var.node_name}-seed"
  user_data      = module.cloud_init.user_data
  meta_data      = module.cloud_init.meta_data
  network_config = module.cloud_init.network_config
}

resource "libvirt_volume" "seed" {
  name   = "${var.node_name}-seed.iso"
  pool   = var.pool
  create = { content = { url = libvirt_cloudinit_disk.seed.path } }
}

resource "libvirt_domain" "node" {
  name      = var.node_name
  type      = "kvm"
  running   = var.running
  autostart = var.autostart

  memory      = module.passthrough.memory_mib
  memory_unit = "MiB"
  memory_backing = module.passthrough.huge_page_mib == null ? null : {
    # libvirt returns KiB, and the provider treats any other unit as a change.
    memory_huge_pages = { hugepages = [{ size = module.passthrough.huge_page_mib * 1024, unit = "KiB" }] }
  }

  vcpu = module.passthrough.vcpus
  cpu_tune = module.passthrough.cpu_pins == null && module.passthrough.emulator_cpus == null ? null : {
    vcpu_pin     = module.passthrough.cpu_pins
    emulator_pin = module.passthrough.emulator_cpus == null ? null : { cpu_set = module.passthrough.emulator_cpus }
  }
  cpu = {
    # Use the host's address width: the memory of a data-centre GPU is mapped above the default range.
    mode          = "host-passthrough"
    max_phys_addr = { mode = "passthrough" }
  }

  os = {
    type         = "hvm"
    type_arch    = "x86_64"
    type_machine = "q35"
    firmware     = "efi"
  }
  features = { acpi = true, apic = {} }

  devices = {
    disks = [
      {
        source = { volume = { pool = libvirt_volume.disk.pool, volume = libvirt_volume.disk.name } }
        target = { dev = "vda", bus = "virtio" }
        driver = { name = "qemu", type = "qcow2", discard = "unmap" }
      },
      {
        device    = "cdrom"
        read_only = true
        source    = { volume = { pool = libvirt_volume.seed.pool, volume = libvirt_volume.seed.name } }
        target    = { dev = "sda", bus = "sata" }
        driver    = { name = "qemu", type = "raw" }
      },
    ]

    interfaces = [{
      model = { type = "virtio" }
      mac   = { address = local.mac }
      source = local.own_network ? {
        network = { network = libvirt_network.own[0].name }
        bridge  = null
        } : {
        network = null
        bridge  = { bridge = var.bridge }
      }
    }]

    # libvirt detaches each function from the host's driver when the machine starts, and returns it when the machine stops.
    hostdevs = [for function in module.passthrough.functions : {
      managed = true
      subsys_pci = {
        driver = { name = "vfio" }
        source = { address = function }
      }
    }]

    # A balloon cannot reclaim memory that the GPU may write to.
    mem_balloon = { model = "none" }
    rngs        = [{ model = "virtio", backend = { random = "/dev/urandom" } }]
    serials     = [{ target = { port = 0 } }]
  }
}
