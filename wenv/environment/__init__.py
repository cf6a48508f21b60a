"""Environments: their manifests, where they are found, whose are believed, what their projects were granted."""
