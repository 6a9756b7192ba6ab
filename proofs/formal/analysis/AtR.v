(** The real numbers of Coq are a real closed field, so that all of linear/ and checker/ holds for them. One example. *)
From Coq Require Import Reals.
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import Rstruct.
From Certify Require Import Euclid Core Checker.
Definition checker_at_R := @check_certifies (Rdefinitions.R : rcfType).
