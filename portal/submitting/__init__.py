"""What citizens send in (网上提交): questions, complaints, applications, remarks; once, whole and not in floods."""
