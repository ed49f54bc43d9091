output "address" {
  description = "IPv4 address of the machine."
  value       = module.cloud_init.address
}

output "node_name" {
  description = "Name of the node in the cluster."
  value       = module.cloud_init.node_name
}

output "cluster" {
  description = "What the node became: k3s-server, k3s-agent or kubeadm-worker."
  value       = module.cloud_init.cluster
}

output "ssh" {
  description = "Command that opens the machine."
  value       = "ssh ${module.cloud_init.admin_user}@${module.cloud_init.address}"
}

output "kubeconfig" {
  description = "File with the kubeconfig of the cluster that was started here; null where the node joined yours."
  value       = local.new_cluster ? abspath(var.kubeconfig) : null
}
