"""Real nodes: containerd, kubelet and kube-proxy in namespaces, with their network, images and device plugin."""
