variables {
  node_name = "gpu-1"
  mac       = "52:54:00:aa:bb:cc"
  address   = "192.168.1.50/24"
  gateway   = "192.168.1.1"
  ssh_keys  = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNvZGVpbnRlbGNvZGVpbnRlbGNvZGVpbnRlbGNvZGU admin@example"]
  cluster   = "k3s-server"
}

run "first_server" {
  command = plan

  assert {
    condition     = startswith(output.user_data, "#cloud-config\n")
    error_message = "cloud-init recognises its user data by the first line."
  }

  assert {
    condition = yamldecode(one([for file in yamldecode(output.user_data).write_files : file.content if file.path == "/etc/rancher/k3s/config.yaml"])) == {
      node-name             = "gpu-1"
      node-ip               = "192.168.1.50"
      node-label            = ["kserve/localmodel=worker", "nvidia.com/gpu.present=true"]
      node-taint            = []
      tls-san               = ["192.168.1.50", "gpu-1"]
      write-kubeconfig-mode = "0600"
      secrets-encryption    = true
      disable               = ["traefik", "runtimes"]
    }
    error_message = "The only node of a cluster runs everything: it has no taint and no join token."
  }

  assert {
    condition     = length([for file in yamldecode(output.user_data).write_files : file if strcontains(file.path, "/manifests/")]) == 0
    error_message = "k3s makes its runtime class itself, and the platform its own: a manifest of ours would make one twice."
  }

  assert {
    condition     = yamldecode(output.network_config).ethernets.node.nameservers.addresses == ["192.168.1.1"] && yamldecode(output.network_config).ethernets.node.match.macaddress == "52:54:00:aa:bb:cc"
    error_message = "Without name servers, the gateway is used."
  }
}

run "server_on_a_tainted_node_without_the_internet" {
  command = plan

  variables {
    taint       = true
    k3s_sha256  = "0000000000000000000000000000000000000000000000000000000000000000"
    dns_servers = ["192.168.1.2", "192.168.1.3"]
    mirrors     = { ubuntu = "http://mirror.lan/ubuntu", k3s = "https://mirror.lan/k3s", images = "registry.lan:5000" }
  }

  assert {
    condition     = strcontains(output.user_data, "nvidia.com/gpu=present:NoSchedule") && contains(split("\n", one([for file in yamldecode(output.user_data).write_files : file.content if file.path == "/etc/codeintel/node.env"])), "K3S_SOURCE=https://mirror.lan/k3s") && strcontains(output.user_data, "system-default-registry")
    error_message = "The taint, the mirror and the registry are configured."
  }

  assert {
    condition     = yamldecode(output.user_data).apt.primary[0].uri == "http://mirror.lan/ubuntu" && contains(split("\n", one([for file in yamldecode(output.user_data).write_files : file.content if file.path == "/etc/codeintel/node.env"])), "TOOLKIT_SOURCE=https://nvidia.github.io/libnvidia-container")
    error_message = "A project without a mirror is downloaded from its own site."
  }

  assert {
    condition     = yamldecode(output.network_config).ethernets.node.nameservers.addresses == ["192.168.1.2", "192.168.1.3"]
    error_message = "Configured name servers are used."
  }
}

run "agent" {
  command = plan

  variables {
    cluster          = "k3s-agent"
    cluster_endpoint = "https://192.168.1.10:6443"
    cluster_token    = "K10abcdef::node:0123456789"
  }

  assert {
    condition = yamldecode(one([for file in yamldecode(output.user_data).write_files : file.content if file.path == "/etc/rancher/k3s/config.yaml"])) == {
      node-name  = "gpu-1"
      node-ip    = "192.168.1.50"
      node-label = ["kserve/localmodel=worker", "nvidia.com/gpu.present=true"]
      node-taint = ["nvidia.com/gpu=present:NoSchedule"]
      server     = "https://192.168.1.10:6443"
      token      = "K10abcdef::node:0123456789"
    }
    error_message = "An agent joins with its server and token, and is tainted."
  }

  assert {
    condition     = one([for file in yamldecode(output.user_data).write_files : file.permissions if file.path == "/etc/rancher/k3s/config.yaml"]) == "0600"
    error_message = "Only root may read the token."
  }

  assert {
    condition     = !anytrue([for file in yamldecode(output.user_data).write_files : strcontains(file.path, "manifests") || strcontains(file.content, "ExecStart=/usr/local/bin/k3s server")])
    error_message = "An agent is not a server."
  }
}

run "kubeadm_worker" {
  command = plan

  variables {
    cluster            = "kubeadm-worker"
    cluster_endpoint   = "192.168.1.10:6443"
    cluster_token      = "abcdef.0123456789abcdef"
    cluster_ca_hash    = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
    kubernetes_version = "1.36.4"
    open_modules       = false
  }

  assert {
    condition     = yamldecode(one([for file in yamldecode(output.user_data).write_files : file.content if file.path == "/etc/codeintel/join.yaml"])).discovery.bootstrapToken.caCertHashes == ["sha256:1111111111111111111111111111111111111111111111111111111111111111"]
    error_message = "A worker checks the cluster's CA before it trusts it."
  }

  assert {
    condition     = yamldecode(one([for file in yamldecode(output.user_data).write_files : file.content if file.path == "/etc/codeintel/join.yaml"])).nodeRegistration.taints == [{ key = "nvidia.com/gpu", value = "present", effect = "NoSchedule" }]
    error_message = "A worker is tainted from the start."
  }

  assert {
    condition     = length(setsubtract(["KUBERNETES_VERSION=1.36.4", "DRIVER_FLAVOUR=server"], split("\n", one([for file in yamldecode(output.user_data).write_files : file.content if file.path == "/etc/codeintel/node.env"])))) == 0 && !anytrue([for file in yamldecode(output.user_data).write_files : endswith(file.path, "k3s.service")])
    error_message = "The node gets the versions, but not k3s."
  }
}

run "k3s_with_a_registry_without_tls" {
  command = plan

  variables {
    registries = {
      "registry.example:5000" = "http://registry.example:5000"
      "docker.io"             = "http://registry.example:5000/mirror/docker.io"
    }
  }

  assert {
    condition = yamldecode(one([for file in yamldecode(output.user_data).write_files : file.content if file.path == "/etc/rancher/k3s/registries.yaml"])) == { mirrors = {
      "registry.example:5000" = { endpoint = ["http://registry.example:5000"] }
      "docker.io"             = { endpoint = ["http://registry.example:5000"], rewrite = { "^(.*)$" = "mirror/docker.io/$1" } }
    } }
    error_message = "k3s pulls over plain HTTP, and finds a public registry's images under the mirror's path."
  }
}

run "kubeadm_with_a_registry_without_tls" {
  command = plan

  variables {
    cluster          = "kubeadm-worker"
    cluster_endpoint = "192.168.1.10:6443"
    cluster_token    = "abcdef.0123456789abcdef"
    cluster_ca_hash  = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
    registries       = { "registry.example:5000" = "http://registry.example:5000", "docker.io" = "http://registry.example:5000/docker.io" }
  }

  assert {
    condition = { for file in yamldecode(output.user_data).write_files : file.path => split("\n", file.content)[0] if endswith(file.path, "hosts.toml") } == {
      "/etc/containerd/certs.d/registry.example:5000/hosts.toml" = "[host.\"http://registry.example:5000/v2\"]"
      "/etc/containerd/certs.d/docker.io/hosts.toml"             = "[host.\"http://registry.example:5000/v2/docker.io\"]"
    }
    error_message = "containerd pulls over plain HTTP, and finds a public registry's images under the mirror's path."
  }
}
