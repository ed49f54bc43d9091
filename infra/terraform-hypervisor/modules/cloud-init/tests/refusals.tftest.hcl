variables {
  node_name = "gpu-1"
  mac       = "52:54:00:aa:bb:cc"
  address   = "192.168.1.50/24"
  gateway   = "192.168.1.1"
  ssh_keys  = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNvZGVpbnRlbGNvZGVpbnRlbGNvZGVpbnRlbGNvZGU admin@example"]
  cluster   = "k3s-server"
}

run "name_in_capitals" {
  command         = plan
  expect_failures = [var.node_name]

  variables {
    node_name = "GPU_1"
  }
}

run "mac_of_five_bytes" {
  command         = plan
  expect_failures = [var.mac]

  variables {
    mac = "52:54:00:aa:bb"
  }
}

run "address_without_a_prefix" {
  command         = plan
  expect_failures = [var.address]

  variables {
    address = "192.168.1.50"
  }
}

run "gateway_by_name" {
  command         = plan
  expect_failures = [var.gateway]

  variables {
    gateway = "router"
  }
}

run "dns_by_name" {
  command         = plan
  expect_failures = [var.dns_servers]

  variables {
    dns_servers = ["dns.lan"]
  }
}

run "root_as_admin" {
  command         = plan
  expect_failures = [var.admin_user]

  variables {
    admin_user = "root"
  }
}

run "no_key" {
  command         = plan
  expect_failures = [var.ssh_keys]

  variables {
    ssh_keys = []
  }
}

run "private_key" {
  command         = plan
  expect_failures = [var.ssh_keys]

  variables {
    ssh_keys = ["-----BEGIN OPENSSH PRIVATE KEY-----"]
  }
}

run "driver_by_release" {
  command         = plan
  expect_failures = [var.driver_branch]

  variables {
    driver_branch = "580.95.05"
  }
}

run "toolkit_without_revision" {
  command         = plan
  expect_failures = [var.toolkit_version]

  variables {
    toolkit_version = "1.20.0"
  }
}

run "unknown_cluster" {
  command         = plan
  expect_failures = [var.cluster]

  variables {
    cluster = "minikube"
  }
}

run "agent_without_endpoint" {
  command         = plan
  expect_failures = [var.cluster_endpoint]

  variables {
    cluster       = "k3s-agent"
    cluster_token = "K10abcdef::node:0123456789"
  }
}

run "worker_with_a_url" {
  command         = plan
  expect_failures = [var.cluster_endpoint]

  variables {
    cluster          = "kubeadm-worker"
    cluster_endpoint = "https://192.168.1.10:6443"
    cluster_token    = "abcdef.0123456789abcdef"
    cluster_ca_hash  = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
  }
}

run "server_that_joins" {
  command         = plan
  expect_failures = [var.cluster_endpoint]

  variables {
    cluster_endpoint = "https://192.168.1.10:6443"
  }
}

run "agent_without_token" {
  command         = plan
  expect_failures = [var.cluster_token]

  variables {
    cluster          = "k3s-agent"
    cluster_endpoint = "https://192.168.1.10:6443"
  }
}

run "worker_with_a_k3s_token" {
  command         = plan
  expect_failures = [var.cluster_token]

  variables {
    cluster          = "kubeadm-worker"
    cluster_endpoint = "192.168.1.10:6443"
    cluster_token    = "K10abcdef::node:0123456789"
    cluster_ca_hash  = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
  }
}

run "worker_without_ca_hash" {
  command         = plan
  expect_failures = [var.cluster_ca_hash]

  variables {
    cluster          = "kubeadm-worker"
    cluster_endpoint = "192.168.1.10:6443"
    cluster_token    = "abcdef.0123456789abcdef"
  }
}

run "k3s_by_channel" {
  command         = plan
  expect_failures = [var.k3s_version]

  variables {
    k3s_version = "stable"
  }
}

run "short_digest" {
  command         = plan
  expect_failures = [var.k3s_sha256]

  variables {
    k3s_sha256 = "abc"
  }
}

run "kubernetes_minor_only" {
  command         = plan
  expect_failures = [var.kubernetes_version]

  variables {
    kubernetes_version = "1.37"
  }
}

run "mirror_without_scheme" {
  command         = plan
  expect_failures = [var.mirrors]

  variables {
    mirrors = { ubuntu = "mirror.lan" }
  }
}

run "registry_without_scheme" {
  command         = plan
  expect_failures = [var.registries]

  variables {
    registries = { "registry.example:5000" = "registry.example:5000" }
  }
}
