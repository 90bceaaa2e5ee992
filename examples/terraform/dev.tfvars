environment  = "dev"
bucket       = "features-dev"
table_format = "Glue"
session_days = 1
