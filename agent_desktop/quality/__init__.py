"""Quality pages (质检): drawing talks, grading them, comparing graders, results and appeals of those graded."""
