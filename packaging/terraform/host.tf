# What the agent wants of the platform's Terraform: a role, a launch template, endpoints. An example to take from, not
# a module: names are the platform's defaults.

variable "region" {
  type    = string
  default = "eu-west-1"
}

variable "image_id" {
  description = "An image with the agent (packer/), or a plain Ubuntu 22.04. Both take the same user data."
  type        = string
}

variable "vpc_id" {
  type = string
}

variable "private_subnets" {
  type = list(string)
}

variable "private_route_tables" {
  type = list(string)
}

variable "host_security_group" {
  type = string
}

variable "repository_bucket" {
  description = "The bucket with the package's repository, in the same region."
  type        = string
}

variable "repository_key" {
  description = "The file starttech-agent.asc that repository.sh exports."
  type        = string
}

data "aws_caller_identity" "current" {}

locals {
  # By replace() and not templatefile(): the scripts in it have dollar signs of their own. The key is last, so that
  # nothing is replaced in it.
  cloud_config = file("${path.module}/../user-data/cloud-config.yaml")
  of_region    = replace(local.cloud_config, "eu-west-1", var.region)
  of_account   = replace(local.of_region, "ACCOUNT", data.aws_caller_identity.current.account_id)
  of_bucket    = replace(local.of_account, "BUCKET", var.repository_bucket)
  user_data    = replace(local.of_bucket, "ARMORED-KEY", indent(6, trimspace(file(var.repository_key))))
}

resource "aws_iam_role" "backend" {
  name = "starttech-backend-role"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

# Session Manager, the backend's image, and the least that the agent does with. host-with-alerts.json is the same and
# may publish to the topic.
resource "aws_iam_role_policy_attachment" "managed" {
  for_each = toset(["AmazonSSMManagedInstanceCore", "AmazonEC2ContainerRegistryReadOnly"])

  role       = aws_iam_role.backend.name
  policy_arn = "arn:aws:iam::aws:policy/${each.key}"
}

resource "aws_iam_role_policy" "agent" {
  name   = "starttech-agent"
  role   = aws_iam_role.backend.name
  policy = file("${path.module}/../iam/host-with-alerts.json")
}

resource "aws_iam_instance_profile" "backend" {
  name = "starttech-backend"
  role = aws_iam_role.backend.name
}

resource "aws_launch_template" "backend" {
  name_prefix            = "starttech-backend-"
  image_id               = var.image_id
  instance_type          = "t2.micro"
  vpc_security_group_ids = [var.host_security_group]
  user_data              = base64encode(local.user_data)

  iam_instance_profile {
    arn = aws_iam_instance_profile.backend.arn
  }

  # The agent is on the host: one hop will do, and keeps containers from the role.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    # With it, the group of a host is known without ec2:DescribeTags.
    instance_metadata_tags = "enabled"
  }

  block_device_mappings {
    device_name = "/dev/sda1"

    ebs {
      volume_type           = "gp3"
      volume_size           = 10
      encrypted             = true
      delete_on_termination = true
    }
  }
}

# For subnets without a way to the internet: the agent's services. ECR and Session Manager want theirs, too.
resource "aws_security_group" "endpoints" {
  name_prefix = "starttech-endpoints-"
  vpc_id      = var.vpc_id

  ingress {
    from_port       = 443
    to_port         = 443
    protocol        = "tcp"
    security_groups = [var.host_security_group]
  }
}

resource "aws_vpc_endpoint" "agent" {
  for_each = toset(["logs", "monitoring", "sns", "ec2"])

  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = var.private_subnets
  security_group_ids  = [aws_security_group.endpoints.id]
}

# The package's repository, and the layers of images in ECR.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = var.vpc_id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.private_route_tables
}

# apt does not sign what it asks for, and a bucket answers that with 403 by default. Whoever comes through the endpoint
# may read it; to S3 that is not public. If the bucket has a policy, put the statement into that one.
resource "aws_s3_bucket_policy" "repository" {
  bucket = var.repository_bucket
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "arn:aws:s3:::${var.repository_bucket}/*"
      Condition = { StringEquals = { "aws:SourceVpce" = aws_vpc_endpoint.s3.id } }
    }]
  })
}
