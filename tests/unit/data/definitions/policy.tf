# Main.
terraform {
  required_version = ">= 1"
  backend "s3" {
    bucket = "x"
  }
}
provider "aws" {
  region = "eu"
}
# The db.
resource "aws_db_instance" "main" {
  name = "x"
  lifecycle {
    ignore_changes = [a]
  }
}
data "aws_ami" "x" {}
module "vpc" {
  source = "./vpc"
}
locals {
  a = 1
}
output "y" {
  value = 1
}
