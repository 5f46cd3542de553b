variable "bucket" {
  description = "The name of the bucket."
  type        = string
}

variable "prefix" {
  description = "What every key in the bucket begins with, with a slash at its end; as in VEND_STORE=s3://bucket/prefix."
  type        = string
  default     = ""

  validation {
    condition     = var.prefix == "" || can(regex("^([A-Za-z0-9._-]+/)+$", var.prefix))
    error_message = "The prefix is empty, or names that each end with a slash."
  }
}

variable "front_ends" {
  description = "The host name of the front ends, for /v1 and for what the bucket cannot do; without it the bucket alone is served."
  type        = string
  default     = null
}

variable "aliases" {
  description = "Host names of the distribution."
  type        = list(string)
  default     = []
}

variable "certificate_arn" {
  description = "A certificate for the aliases, in us-east-1; without it the distribution has CloudFront's own name."
  type        = string
  default     = null
}
