"""Taking entries in and giving them out (信息导入导出): files, feeds, rows."""
