"""The installed platform. A package, so that pytest stops its cluster after the last test here, and not after all."""
