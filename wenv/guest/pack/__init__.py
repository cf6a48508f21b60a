"""Programs and environments in one component, with files that are in memory."""
