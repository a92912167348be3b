"""A program for observatories with devices behind INDI or ASCOM Alpaca: jobs in, motions and FITS files out.

pointing, values, limits, fits    plain functions: positions, parameters, refusals, headers
devices                           the abilities of a mount, a camera, …
indi_link, indi, alpaca           the devices of a server
handlers, exposing                the jobs of each device
program                           all devices, as a program of `prjobs.observatory`
"""
