"""Who lives where: tables of residents by area and group as publishers print them, and their residents on a grid."""
