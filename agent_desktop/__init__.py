"""The staff's pages (座席与管理页面), one folder per audience."""
