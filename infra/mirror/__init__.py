"""Mirror every chart, manifest, plugin and image of the platform to a folder or a registry, for an air-gapped site."""
