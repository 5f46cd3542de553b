# A bucket that nobody reads but a CDN, a CDN that gives out nothing but what machines ask for, and policies for those who
# write. The rules are those of docs/operations.md: objects are immutable and say so themselves; timestamp and checkpoint
# are asked for each time; absence is not remembered; private/ is for nobody.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

locals {
  bucket_arn = aws_s3_bucket.repository.arn
  objects    = "${aws_s3_bucket.repository.arn}/${var.prefix}"
  # CloudFront's own, by their fixed ids: caching as the objects say, and none at all.
  caching_optimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  caching_disabled  = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  # All that a viewer sent but the host's name.
  all_viewer_but_host = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
  replaced            = ["/tuf/metadata/timestamp.json", "/log/checkpoint"]
}

resource "aws_s3_bucket" "repository" {
  bucket = var.bucket
}

resource "aws_s3_bucket_public_access_block" "repository" {
  bucket                  = aws_s3_bucket.repository.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "repository" {
  bucket = aws_s3_bucket.repository.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# What writers that were killed left of uploads. Nothing else expires: "vend gc" knows what is garbage, a date does not.
resource "aws_s3_bucket_lifecycle_configuration" "repository" {
  bucket = aws_s3_bucket.repository.id

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }
}

resource "aws_s3_bucket_policy" "readers" {
  bucket = aws_s3_bucket.repository.id
  policy = templatefile("${path.module}/policies/readers.json.tftpl", {
    objects   = local.objects
    principal = jsonencode({ Service = "cloudfront.amazonaws.com" })
    condition = jsonencode({ StringEquals = { "AWS:SourceArn" = aws_cloudfront_distribution.repository.arn } })
  })
}

resource "aws_iam_policy" "front_end" {
  name   = "${var.bucket}-front-end"
  policy = templatefile("${path.module}/policies/front-end.json.tftpl", { objects = local.objects, bucket = local.bucket_arn })
}

resource "aws_iam_policy" "publisher" {
  name   = "${var.bucket}-publisher"
  policy = templatefile("${path.module}/policies/publisher.json.tftpl", { objects = local.objects, bucket = local.bucket_arn })
}

resource "aws_cloudfront_origin_access_control" "repository" {
  name                              = var.bucket
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_distribution" "repository" {
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2and3"
  comment         = "Vend: ${var.bucket}"
  aliases         = var.aliases

  origin {
    origin_id                = "bucket"
    domain_name              = aws_s3_bucket.repository.bucket_regional_domain_name
    origin_path              = var.prefix == "" ? "" : "/${trimsuffix(var.prefix, "/")}"
    origin_access_control_id = aws_cloudfront_origin_access_control.repository.id
  }

  dynamic "origin" {
    for_each = var.front_ends == null ? [] : [var.front_ends]

    content {
      origin_id   = "front-ends"
      domain_name = origin.value

      custom_origin_config {
        http_port              = 80
        https_port             = 443
        origin_protocol_policy = "https-only"
        origin_ssl_protocols   = ["TLSv1.2"]
        origin_read_timeout    = 60
      }
    }
  }

  default_cache_behavior {
    target_origin_id       = "bucket"
    viewer_protocol_policy = "redirect-to-https"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    cache_policy_id        = local.caching_optimized
    # Everything is compressed already.
    compress = false
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.replaced

    content {
      path_pattern           = ordered_cache_behavior.value
      target_origin_id       = "bucket"
      viewer_protocol_policy = "redirect-to-https"
      allowed_methods        = ["GET", "HEAD"]
      cached_methods         = ["GET", "HEAD"]
      cache_policy_id        = local.caching_disabled
      compress               = false
    }
  }

  # Packs that are not there are built by front ends for whoever asks; how long their absence may be kept they say.
  dynamic "ordered_cache_behavior" {
    for_each = var.front_ends == null ? [] : ["/packs/*"]

    content {
      path_pattern           = ordered_cache_behavior.value
      target_origin_id       = "front-ends"
      viewer_protocol_policy = "redirect-to-https"
      allowed_methods        = ["GET", "HEAD"]
      cached_methods         = ["GET", "HEAD"]
      cache_policy_id        = local.caching_optimized
      compress               = false
    }
  }

  dynamic "ordered_cache_behavior" {
    for_each = var.front_ends == null ? [] : ["/v1/*"]

    content {
      path_pattern             = ordered_cache_behavior.value
      target_origin_id         = "front-ends"
      viewer_protocol_policy   = "https-only"
      allowed_methods          = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
      cached_methods           = ["GET", "HEAD"]
      cache_policy_id          = local.caching_disabled
      origin_request_policy_id = local.all_viewer_but_host
      compress                 = false
    }
  }

  # A bucket that may not be listed says 403 of what is not there. Without these, either would be kept for ten seconds.
  custom_error_response {
    error_code            = 403
    error_caching_min_ttl = 0
  }

  custom_error_response {
    error_code            = 404
    error_caching_min_ttl = 0
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.certificate_arn == null
    acm_certificate_arn            = var.certificate_arn
    ssl_support_method             = var.certificate_arn == null ? null : "sni-only"
    minimum_protocol_version       = var.certificate_arn == null ? null : "TLSv1.2_2021"
  }
}
