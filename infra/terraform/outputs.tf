output "url" {
  description = "Where machines find the repository."
  value       = "https://${length(var.aliases) > 0 ? var.aliases[0] : aws_cloudfront_distribution.repository.domain_name}/"
}

output "store" {
  description = "VEND_STORE of front ends, workers and publishers."
  value       = "s3://${var.bucket}${var.prefix == "" ? "" : "/${trimsuffix(var.prefix, "/")}"}?region=${aws_s3_bucket.repository.region}"
}

output "front_end_policy" {
  description = "For front ends that nobody publishes to; those with VEND_PUBLISHING=yes, and workers, need the publisher's."
  value       = aws_iam_policy.front_end.arn
}

output "publisher_policy" {
  description = "For whoever publishes, collects garbage, or does both for others."
  value       = aws_iam_policy.publisher.arn
}
