"""The terminal UI: a view over the functions that the commands use.  Nothing is decided or computed only here.

=================== ======================================================================
``app``             the application: themes, what all screens share, news from the store
``environments``    the first screen: all environments
``inside``          one environment: packages, layers and files, code
``actions``         what can be done with an environment, for both screens
``dialogs``         forms, confirmations, the file dialog, work in progress
``preview``         one file of a layer
``words``           how values look in tables
=================== ======================================================================
"""
