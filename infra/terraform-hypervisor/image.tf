locals {
  downloads  = strcontains(var.image, "://")
  image_file = local.downloads ? abspath("${path.module}/.images/${basename(dirname(var.image))}-${basename(var.image)}") : var.image
}

# The provider would download the image itself, but verifies no digest.
resource "terraform_data" "image" {
  count = local.downloads ? 1 : 0

  triggers_replace = [local.image_file, var.image_sha256]

  provisioner "local-exec" {
    command = "${path.module}/image.sh"
    environment = {
      URL    = var.image
      TARGET = local.image_file
      SHA256 = coalesce(var.image_sha256, "-")
    }
  }
}
