"""A school's application as such applications are: written before anybody thought of pgaccount."""
