# An image with Docker and the agent: `packer init . && packer build -var repository=https://… .`
# Packer 1.7 or later, for plugins.pkr.hcl and the amazon plugin's newer words.
# The agent is enabled and does not run while the image is made; each host has its own name and its own place in logs.

variable "region" {
  type    = string
  default = "eu-west-1"
}

# Where the signed repository is, and its key: what repository.sh exports. The machine that Packer starts has to reach
# it as hosts do: in their VPC, if the bucket answers only there.
variable "repository" {
  type = string
}

variable "keyring" {
  type    = string
  default = "starttech-agent.asc"
}

source "amazon-ebs" "host" {
  region        = var.region
  instance_type = "t2.micro"
  ssh_username  = "ubuntu"
  ami_name      = "starttech-host-${formatdate("YYYYMMDD-hhmmss", timestamp())}"

  source_ami_filter {
    # Canonical.
    owners      = ["099720109477"]
    most_recent = true
    filters = {
      name                = "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
  }

  # Version 2 of the metadata service only: for hosts of this image, and while it is made.
  imds_support = "v2.0"
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  launch_block_device_mappings {
    device_name           = "/dev/sda1"
    volume_type           = "gp3"
    volume_size           = 10
    iops                  = 3000
    throughput            = 125
    encrypted             = true
    delete_on_termination = true
  }
}

build {
  sources = ["source.amazon-ebs.host"]

  provisioner "file" {
    source      = var.keyring
    destination = "/tmp/starttech-agent.asc"
  }

  provisioner "shell" {
    script           = "provision.sh"
    environment_vars = ["REPOSITORY=${var.repository}"]
    execute_command  = "chmod +x {{ .Path }}; sudo env {{ .Vars }} {{ .Path }}"
  }
}
