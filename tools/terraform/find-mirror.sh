#!/usr/bin/env bash
# Prints the folder of a filesystem mirror of Terraform providers that holds the AWS provider, or nothing: TF_PLUGIN_DIR for
# tests where the registry can't be reached. FOLDER/registry.terraform.io/hashicorp/aws/VERSION/PLATFORM/terraform-provider-aws_v*
# Usage: find-mirror.sh [where to look, / by default]
set -uo pipefail

# The newest version wins. Folders that can't be read hold no mirror of ours.
find "${1:-/}" \( -path /proc -o -path /sys -o -name node_modules -o -name .terraform \) -prune -o \
  -path '*/registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws_v*' -print 2>/dev/null \
  | sed 's|/registry\.terraform\.io/hashicorp/aws/\([^/]*\)/.*| \1|' \
  | sort -k2,2V | tail -n 1 | sed 's| [^ ]*$||'
