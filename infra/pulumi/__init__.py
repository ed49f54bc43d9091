"""The cluster as Python: `pulumi up -s local` or `-s gpu`."""
