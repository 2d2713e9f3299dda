module hardway.invalid/tools

go 1.26.0
