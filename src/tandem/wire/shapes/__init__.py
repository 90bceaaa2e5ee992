"""The shapes of requests and answers, one file a service, with AWS's member names in Pascal case.

A shape holds the limits that no check of the domain knows; the others are checked once, there.
Required members come first, since an attribute without a default must.
"""
