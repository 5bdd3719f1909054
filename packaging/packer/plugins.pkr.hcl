# What `packer init` fetches; in a file of its own, because Packer before 1.7 had its plugins built in and does not
# know this.
packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.3.0"
    }
  }
}
