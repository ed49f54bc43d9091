locals {
  functions = [
    for address in var.gpu_pci_addresses :
    regex("^(?P<domain>[0-9a-f]{4}):(?P<bus>[0-9a-f]{2}):(?P<slot>[01][0-9a-f])\\.(?P<function>[0-7])$", address)
  ]
}
