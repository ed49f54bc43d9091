output "user_data" {
  description = "cloud-init's user data; contains the token."
  value       = "#cloud-config\n${yamlencode(local.user_data)}"
  sensitive   = true
}

output "meta_data" {
  description = "cloud-init's meta data."
  value       = yamlencode({ instance-id = var.node_name, local-hostname = var.node_name })
}

output "network_config" {
  description = "cloud-init's network configuration, version 2."
  value = yamlencode({
    version = 2
    ethernets = { node = {
      match       = { macaddress = var.mac }
      set-name    = "eth0"
      dhcp4       = false
      addresses   = [var.address]
      routes      = [{ to = "default", via = var.gateway }]
      nameservers = { addresses = length(var.dns_servers) > 0 ? var.dns_servers : [var.gateway] }
    } }
  })
}

output "address" {
  description = "IPv4 address of the machine."
  value       = local.ip
}

output "node_name" {
  description = "Name of the node."
  value       = var.node_name
}

output "admin_user" {
  description = "User that may log in."
  value       = var.admin_user
}

output "cluster" {
  description = "Role of the node."
  value       = var.cluster
}
