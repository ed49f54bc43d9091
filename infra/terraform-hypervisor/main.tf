locals {
  own_network = var.bridge == null
  new_cluster = var.cluster == "k3s-server"
  address     = coalesce(var.address, "${cidrhost(var.network_cidr, 10)}/${split("/", var.network_cidr)[1]}")
  gateway     = coalesce(var.gateway, cidrhost(var.network_cidr, 1))
  # Derive the MAC address from the name, so that a recreated machine keeps its IP address.
  mac = join(":", concat(["52", "54", "00"], [for index in range(3) : substr(sha256(var.node_name), 2 * index, 2)]))
}

module "passthrough" {
  source = "./modules/passthrough"

  gpu_pci_addresses = var.gpu_pci_addresses
  vcpus             = var.vcpus
  pinned_cpus       = var.pinned_cpus
  emulator_cpus     = var.emulator_cpus
  memory_gib        = var.memory_gib
  huge_page_mib     = var.huge_page_mib
}

module "cloud_init" {
  source = "./modules/cloud-init"

  node_name          = var.node_name
  mac                = local.mac
  address            = local.address
  gateway            = local.gateway
  dns_servers        = var.dns_servers
  admin_user         = var.admin_user
  ssh_keys           = var.ssh_keys
  driver_branch      = var.driver_branch
  open_modules       = var.open_modules
  toolkit_version    = var.toolkit_version
  cluster            = var.cluster
  cluster_endpoint   = var.cluster_endpoint
  cluster_token      = var.cluster_token
  cluster_ca_hash    = var.cluster_ca_hash
  k3s_version        = var.k3s_version
  k3s_sha256         = var.k3s_sha256
  kubernetes_version = var.kubernetes_version
  mirrors            = var.mirrors
  registries         = var.registries
  taint              = var.taint
}
