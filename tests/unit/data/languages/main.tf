variable "region" {
  default = "eu"
}

# The database.
resource "aws_db_instance" "main" {
  engine = "postgres"
}
