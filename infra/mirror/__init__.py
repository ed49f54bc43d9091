"""Brings every chart, manifest and image of the platform to a folder or a registry, for a site without the internet."""
