;; One phase of one step of a generator (plan.py): for every input pixel q, the sum over taps of (the neighbour's channels)
;; x (a matrix), plus a bias, bent by `slope`. Numbers are 32-bit floats; everything is counted in bytes.
;;
;; Outputs are computed in blocks of 8 channels for 4 pixels of a row at once: 8 sums of four numbers live in registers,
;; and each weight that is loaded is used four times. Weights lie in that order: block, tap, input channel, 8 outputs.
(module
  (memory (export "memory") 1)

  (func (export "phase")
    (param $input i32)    ;; the first pixel; around the map lies a border of zeros, so that every tap stays inside
    (param $pixel i32)    ;; from one input pixel to the next
    (param $row i32)      ;; from one input row to the next
    (param $width i32) (param $height i32)  ;; pixels
    (param $taps i32)     ;; a list of distances to neighbours
    (param $count i32)    ;; how many taps there are
    (param $channels i32) ;; bytes of a pixel's channels that are summed over
    (param $weights i32) (param $bias i32)
    (param $blocks i32)   ;; of 8 output channels
    (param $output i32)   ;; this phase's first pixel
    (param $step i32)     ;; from one output pixel of this phase to its next
    (param $line i32)     ;; from one output row of this phase to its next
    (param $plus i32)     ;; what is added lies so far from the output; 0: nothing is
    (param $slope f32)
    (local $x i32) (local $y i32) (local $in i32) (local $out i32) (local $tap i32) (local $end i32)
    (local $w i32) (local $a i32) (local $stop i32) (local $v v128) (local $b0 v128) (local $b1 v128)
    (local $s00 v128) (local $s01 v128) (local $s10 v128) (local $s11 v128)
    (local $s20 v128) (local $s21 v128) (local $s30 v128) (local $s31 v128)
    (local $bend v128) (local $p2 i32) (local $p3 i32)
    (local.set $bend (f32x4.splat (local.get $slope)))
    (local.set $p2 (i32.shl (local.get $pixel) (i32.const 1)))
    (local.set $p3 (i32.add (local.get $p2) (local.get $pixel)))
    (local.set $end (i32.add (local.get $taps) (i32.shl (local.get $count) (i32.const 2))))
    (loop $block
      (local.set $y (i32.const 0))
      (loop $rows
        (local.set $in (i32.add (local.get $input) (i32.mul (local.get $y) (local.get $row))))
        (local.set $out (i32.add (local.get $output) (i32.mul (local.get $y) (local.get $line))))
        (local.set $x (local.get $width))
        (loop $columns
          (local.set $s00 (v128.load (local.get $bias)))
          (local.set $s01 (v128.load offset=16 (local.get $bias)))
          (local.set $w (local.get $weights))
          (local.set $tap (local.get $taps))
          (if (i32.ge_s (local.get $x) (i32.const 4))
            (then
              (local.set $s10 (local.get $s00)) (local.set $s20 (local.get $s00)) (local.set $s30 (local.get $s00))
              (local.set $s11 (local.get $s01)) (local.set $s21 (local.get $s01)) (local.set $s31 (local.get $s01))
              (loop $neighbours
                (local.set $a (i32.add (local.get $in) (i32.load (local.get $tap))))
                (local.set $stop (i32.add (local.get $a) (local.get $channels)))
                (loop $sum
                  (local.set $b0 (v128.load (local.get $w)))
                  (local.set $b1 (v128.load offset=16 (local.get $w)))
                  (local.set $w (i32.add (local.get $w) (i32.const 32)))
                  (local.set $v (v128.load32_splat (local.get $a)))
                  (local.set $s00 (f32x4.add (local.get $s00) (f32x4.mul (local.get $v) (local.get $b0))))
                  (local.set $s01 (f32x4.add (local.get $s01) (f32x4.mul (local.get $v) (local.get $b1))))
                  (local.set $v (v128.load32_splat (i32.add (local.get $a) (local.get $pixel))))
                  (local.set $s10 (f32x4.add (local.get $s10) (f32x4.mul (local.get $v) (local.get $b0))))
                  (local.set $s11 (f32x4.add (local.get $s11) (f32x4.mul (local.get $v) (local.get $b1))))
                  (local.set $v (v128.load32_splat (i32.add (local.get $a) (local.get $p2))))
                  (local.set $s20 (f32x4.add (local.get $s20) (f32x4.mul (local.get $v) (local.get $b0))))
                  (local.set $s21 (f32x4.add (local.get $s21) (f32x4.mul (local.get $v) (local.get $b1))))
                  (local.set $v (v128.load32_splat (i32.add (local.get $a) (local.get $p3))))
                  (local.set $s30 (f32x4.add (local.get $s30) (f32x4.mul (local.get $v) (local.get $b0))))
                  (local.set $s31 (f32x4.add (local.get $s31) (f32x4.mul (local.get $v) (local.get $b1))))
                  (local.set $a (i32.add (local.get $a) (i32.const 4)))
                  (br_if $sum (i32.lt_u (local.get $a) (local.get $stop))))
                (local.set $tap (i32.add (local.get $tap) (i32.const 4)))
                (br_if $neighbours (i32.lt_u (local.get $tap) (local.get $end))))
              (call $keep (local.get $out) (local.get $plus) (local.get $bend) (local.get $s00) (local.get $s01))
              (local.set $out (i32.add (local.get $out) (local.get $step)))
              (call $keep (local.get $out) (local.get $plus) (local.get $bend) (local.get $s10) (local.get $s11))
              (local.set $out (i32.add (local.get $out) (local.get $step)))
              (call $keep (local.get $out) (local.get $plus) (local.get $bend) (local.get $s20) (local.get $s21))
              (local.set $out (i32.add (local.get $out) (local.get $step)))
              (call $keep (local.get $out) (local.get $plus) (local.get $bend) (local.get $s30) (local.get $s31))
              (local.set $in (i32.add (local.get $in) (i32.shl (local.get $pixel) (i32.const 2))))
              (local.set $x (i32.sub (local.get $x) (i32.const 4))))
            (else ;; what is left of a row, one pixel at a time
              (loop $neighbours
                (local.set $a (i32.add (local.get $in) (i32.load (local.get $tap))))
                (local.set $stop (i32.add (local.get $a) (local.get $channels)))
                (loop $sum
                  (local.set $v (v128.load32_splat (local.get $a)))
                  (local.set $s00 (f32x4.add (local.get $s00) (f32x4.mul (local.get $v) (v128.load (local.get $w)))))
                  (local.set $s01 (f32x4.add (local.get $s01)
                    (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $w)))))
                  (local.set $w (i32.add (local.get $w) (i32.const 32)))
                  (local.set $a (i32.add (local.get $a) (i32.const 4)))
                  (br_if $sum (i32.lt_u (local.get $a) (local.get $stop))))
                (local.set $tap (i32.add (local.get $tap) (i32.const 4)))
                (br_if $neighbours (i32.lt_u (local.get $tap) (local.get $end))))
              (call $keep (local.get $out) (local.get $plus) (local.get $bend) (local.get $s00) (local.get $s01))
              (local.set $in (i32.add (local.get $in) (local.get $pixel)))
              (local.set $x (i32.sub (local.get $x) (i32.const 1)))))
          (local.set $out (i32.add (local.get $out) (local.get $step)))
          (br_if $columns (local.get $x)))
        (local.set $y (i32.add (local.get $y) (i32.const 1)))
        (br_if $rows (i32.lt_s (local.get $y) (local.get $height))))
      (local.set $weights (local.get $w)) ;; the next block's begin where this one's ended
      (local.set $bias (i32.add (local.get $bias) (i32.const 32)))
      (local.set $output (i32.add (local.get $output) (i32.const 32)))
      (local.set $blocks (i32.sub (local.get $blocks) (i32.const 1)))
      (br_if $block (local.get $blocks))))

  ;; Eight sums become eight channels of a pixel.
  (func $keep (param $out i32) (param $plus i32) (param $bend v128) (param $s0 v128) (param $s1 v128)
    (local $none v128)
    (if (local.get $plus)
      (then
        (local.set $s0 (f32x4.add (local.get $s0) (v128.load (i32.add (local.get $out) (local.get $plus)))))
        (local.set $s1 (f32x4.add (local.get $s1) (v128.load offset=16 (i32.add (local.get $out) (local.get $plus)))))))
    (v128.store (local.get $out) (f32x4.add (f32x4.max (local.get $s0) (local.get $none))
      (f32x4.mul (local.get $bend) (f32x4.min (local.get $s0) (local.get $none)))))
    (v128.store offset=16 (local.get $out) (f32x4.add (f32x4.max (local.get $s1) (local.get $none))
      (f32x4.mul (local.get $bend) (f32x4.min (local.get $s1) (local.get $none)))))))
