"""Running programs and shells: everything that the short way (`wenv.launcher`) does not do."""
