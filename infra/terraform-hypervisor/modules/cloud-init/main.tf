locals {
  ip    = split("/", var.address)[0]
  alone = var.cluster == "k3s-server"

  # infra/pulumi sets the same label and taint on its GPU node.
  labels = { "nvidia.com/gpu.present" = "true", "kserve/localmodel" = "worker" }
  taints = coalesce(var.taint, !local.alone) ? [{ key = "nvidia.com/gpu", value = "present", effect = "NoSchedule" }] : []

  node_labels = [for key, value in local.labels : "${key}=${value}"]
  k3s = {
    node-name  = var.node_name
    node-ip    = local.ip
    node-label = local.node_labels
    node-taint = [for taint in local.taints : "${taint.key}=${taint.value}:${taint.effect}"]
    server     = var.cluster_endpoint
    token      = var.cluster_token

    tls-san               = local.alone ? [local.ip, var.node_name] : null
    write-kubeconfig-mode = local.alone ? "0600" : null
    secrets-encryption    = local.alone ? true : null
    # The platform uses Kourier as its ingress. The manifest below creates the one runtime class that is needed, instead of k3s's six.
    disable                 = local.alone ? ["traefik", "runtimes"] : null
    system-default-registry = local.alone && var.mirrors.images != "" ? var.mirrors.images : null
  }

  # Name, address without its path, and path of each registry.
  registries = [for name, url in var.registries : merge(
    { name = name },
    regex("^(?P<server>https?://[^/]+)/?(?P<path>.*)$", url),
  )]
  k3s_registries = { mirrors = { for each in local.registries : each.name => merge(
    { endpoint = [each.server] },
    each.path == "" ? {} : { rewrite = { "^(.*)$" = "${each.path}/$1" } },
  ) } }

  join = {
    apiVersion = "kubeadm.k8s.io/v1beta4"
    kind       = "JoinConfiguration"
    discovery = { bootstrapToken = {
      apiServerEndpoint = var.cluster_endpoint
      token             = var.cluster_token
      caCertHashes      = [var.cluster_ca_hash]
    } }
    nodeRegistration = {
      name      = var.node_name
      criSocket = "unix:///run/containerd/containerd.sock"
      taints    = local.taints
      kubeletExtraArgs = [
        { name = "node-ip", value = local.ip },
        { name = "node-labels", value = join(",", local.node_labels) },
      ]
    }
  }

  # Settings of the node's script; none of them is secret.
  settings = {
    CLUSTER            = var.cluster
    DRIVER_BRANCH      = var.driver_branch
    DRIVER_FLAVOUR     = var.open_modules ? "server-open" : "server"
    TOOLKIT_VERSION    = var.toolkit_version
    TOOLKIT_SOURCE     = var.mirrors.nvidia
    K3S_VERSION        = var.k3s_version
    K3S_SHA256         = var.k3s_sha256
    K3S_SOURCE         = var.mirrors.k3s
    KUBERNETES_VERSION = var.kubernetes_version
    KUBERNETES_SOURCE  = var.mirrors.kubernetes
  }

  files = concat(
    [
      { path = "/usr/local/sbin/codeintel-node", permissions = "0755", content = file("${path.module}/files/node.sh") },
      { path = "/etc/systemd/system/codeintel-node.service", permissions = "0644", content = file("${path.module}/files/codeintel-node.service") },
      { path = "/etc/apt/apt.conf.d/52codeintel", permissions = "0644", content = file("${path.module}/files/apt.conf") },
      { path = "/etc/codeintel/node.env", permissions = "0644", content = join("", [for name, value in local.settings : "${name}=${value}\n"]) },
    ],
    var.cluster == "kubeadm-worker" ? concat([
      { path = "/etc/codeintel/join.yaml", permissions = "0600", content = yamlencode(local.join) },
      { path = "/etc/modules-load.d/kubernetes.conf", permissions = "0644", content = "overlay\nbr_netfilter\n" },
      { path = "/etc/sysctl.d/90-kubernetes.conf", permissions = "0644", content = "net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1\n" },
      ], [for each in local.registries : {
        path        = "/etc/containerd/certs.d/${each.name}/hosts.toml"
        permissions = "0644"
        content     = templatefile("${path.module}/files/hosts.toml.tftpl", each)
      }]) : concat([
      { path = "/etc/systemd/system/k3s.service", permissions = "0644", content = templatefile("${path.module}/files/k3s.service.tftpl", { role = local.alone ? "server" : "agent" }) },
      { path = "/etc/rancher/k3s/config.yaml", permissions = "0600", content = yamlencode({ for name, value in local.k3s : name => value if value != null }) },
      ], length(local.registries) == 0 ? [] : [
      { path = "/etc/rancher/k3s/registries.yaml", permissions = "0600", content = yamlencode(local.k3s_registries) },
    ]),
  )

  user_data = merge(
    {
      hostname         = var.node_name
      manage_etc_hosts = true
      disable_root     = true
      ssh_pwauth       = false
      users = [{
        name                = var.admin_user
        shell               = "/bin/bash"
        sudo                = "ALL=(ALL) NOPASSWD:ALL"
        lock_passwd         = true
        ssh_authorized_keys = var.ssh_keys
      }]
      write_files = local.files
      runcmd = [
        # The agent of KServe's model cache, which is not root, keeps its models here.
        ["install", "--directory", "--owner=1000", "--group=1000", "/models"],
        ["systemctl", "daemon-reload"],
        ["systemctl", "enable", "--now", "--no-block", "codeintel-node.service"],
      ]
    },
    var.mirrors.ubuntu == "" ? {} : { apt = { primary = [{ arches = ["default"], uri = var.mirrors.ubuntu }], security = [{ arches = ["default"], uri = var.mirrors.ubuntu }] } },
  )
}
