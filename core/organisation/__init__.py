"""The directory as plain rows (机构目录): the same rows come from a file, from a form and from a change taken back.

`tables` says what a row holds, `files` reads rows, `plan` checks them and says what they would change, `store` keeps them.
"""
