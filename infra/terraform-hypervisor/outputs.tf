output "address" {
  description = "IPv4 address of the machine."
  value       = module.cloud_init.address
}

output "node_name" {
  description = "Name of the node in the cluster."
  value       = module.cloud_init.node_name
}

output "cluster" {
  description = "Role of the node: k3s-server, k3s-agent or kubeadm-worker."
  value       = module.cloud_init.cluster
}

output "ssh" {
  description = "SSH command to log in to the machine."
  value       = "ssh ${module.cloud_init.admin_user}@${module.cloud_init.address}"
}

output "kubeconfig" {
  description = "Path of the kubeconfig of a cluster started here; null if the node joined an existing cluster."
  value       = local.new_cluster ? abspath(var.kubeconfig) : null
}
