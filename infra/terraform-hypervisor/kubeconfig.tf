# The machine creates the kubeconfig some minutes after it starts.
resource "terraform_data" "kubeconfig" {
  count = local.new_cluster && var.running ? 1 : 0

  triggers_replace = [local.machine, var.kubeconfig]

  provisioner "local-exec" {
    command = "${path.module}/kubeconfig.sh"
    environment = {
      TARGET     = "${module.cloud_init.admin_user}@${module.cloud_init.address}"
      KUBECONFIG = abspath(var.kubeconfig)
      IDENTITY   = coalesce(var.ssh_private_key, "-")
    }
  }
}
