"""Which family declares which names. Made by scripts/make_index.py; do not edit."""

TABLES: dict[str, dict[str, str]] = {
    "ops": {
        "activation":
            "_leaky_adjoint _log_softmax _log_softmax_adjoint _log_softmax_f _log_softmax_special _prelu _relu_adjoint "
            "_softmax _softmax_adjoint _softmax_f _softmax_special glu hardshrink hardsigmoid hardswish hardtanh leaky_relu "
            "log_softmax prelu relu relu6 softmax softmin softshrink threshold",
        "along": "_add_along _put_along _take_along",
        "arithmetic":
            "_div_floor _div_trunc _rdiv _true_divide add div eq floor_divide ge gt le lt mul ne neg pow rsub sub true_divide",
        "arrange": "_block_diag _repeat_each _repeat_each_adjoint flip fliplr flipud repeat repeat_interleave roll rot90 tile",
        "arrays": "_link",
        "attention":
            "_attention _attention_backward _blocked_attention _blocked_attention_backward multi_head_attention_forward "
            "scaled_dot_product_attention",
        "bessel":
            "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 i0 i0e i1 i1e modified_bessel_i0 modified_bessel_i1 "
            "modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0",
        "binary":
            "atan2 copysign float_power fmod frexp heaviside hypot isclose ldexp logaddexp logaddexp2 nextafter remainder",
        "bitwise":
            "_invert bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor gcd hash_tensor "
            "lcm logical_and logical_not logical_or logical_xor",
        "cholesky": "_cholesky cholesky cholesky_inverse cholesky_solve linalg_cholesky linalg_cholesky_ex",
        "choose": "_method_where _where addcdiv addcmul lerp masked_fill where",
        "complex":
            "_conj _real angle complex conj conj_physical imag polar real resolve_conj resolve_neg view_as_complex "
            "view_as_real",
        "conv": "_channel_sum _conv _conv_input _conv_weight conv1d conv2d conv3d",
        "conv_transpose": "conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d convolution",
        "convert": "_filled _replaced",
        "create":
            "arange empty empty_like empty_permuted empty_strided eye full full_like linspace logspace ones ones_like range "
            "scalar_tensor zeros zeros_like",
        "decomposition":
            "_eig _eigh _eigvalsh _qr _svd _svdvals linalg_eig linalg_eigh linalg_eigvals linalg_eigvalsh linalg_qr "
            "linalg_svd linalg_svdvals qr svd",
        "determinants": "_det _slogdet linalg_det linalg_slogdet logdet slogdet",
        "differences": "cumulative_trapezoid diff gradient trapezoid",
        "distances": "_euclid cdist cosine_similarity dist pairwise_distance pdist",
        "dropout": "alpha_dropout dropout dropout1d dropout2d dropout3d feature_alpha_dropout feature_dropout",
        "einsum": "_pair",
        "embedding":
            "_bag_pick _bag_sum _bag_unpick _embedding _embedding_again _embedding_gradient _torch_embedding "
            "_torch_embedding_bag embedding embedding_bag embedding_renorm_",
        "extrema": "_is_best _max_all _max_dim _min_all _min_dim amax amin aminmax argmax argmin max min",
        "extremes": "_between _share clamp clamp_max clamp_min fmax fmin maximum minimum",
        "fft":
            "_fft_c2c _fft_c2r _fft_r2c fft_fft fft_fft2 fft_fftfreq fft_fftn fft_fftshift fft_hfft fft_hfft2 fft_hfftn "
            "fft_ifft fft_ifft2 fft_ifftn fft_ifftshift fft_ihfft fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2 fft_irfftn "
            "fft_rfft fft_rfft2 fft_rfftfreq fft_rfftn",
        "gather":
            "_padded _scatter _scatter_add _scatter_add_zeros _scatter_reduce _scatter_value gather scatter scatter_add "
            "scatter_reduce take_along_dim",
        "grid_sample": "_sample_planes _unsample_planes grid_sample grid_sampler grid_sampler_2d grid_sampler_3d",
        "histograms": "_histogramdd bincount histc histogram histogramdd",
        "householder": "_geqrf geqrf linalg_householder_product ormqr",
        "index": "_basic_index _basic_index_adjoint _gather_index _gather_index_adjoint _index_put",
        "index_along":
            "_index_add _index_add_zeros _index_copy _index_fill _masked_gather _masked_scatter _put index_add index_copy "
            "index_fill index_reduce index_select masked_scatter masked_select put take",
        "interpolate": "_upsample _upsample_back interpolate upsample upsample_bilinear upsample_nearest",
        "join": "_cat _stack cat column_stack dstack hstack stack vstack",
        "least_squares": "_lstsq _pinv linalg_lstsq linalg_matrix_rank linalg_pinv lobpcg pca_lowrank pinverse svd_lowrank",
        "linalg": "matmul mm",
        "linear": "_linear_weight bilinear linear",
        "loss":
            "_l1_loss _mse_loss _poisson_nll_loss _scaled_difference _smooth_l1_loss _soft_margin_loss gaussian_nll_loss "
            "huber_loss l1_loss mse_loss poisson_nll_loss smooth_l1_loss soft_margin_loss",
        "loss_binary":
            "_bce _bce_logits _kl_div _torch_bce_logits _torch_kl_div binary_cross_entropy binary_cross_entropy_with_logits "
            "kl_div",
        "loss_class":
            "_cross_entropy _cross_entropy_gradient _cross_entropy_rows _nll_adjoint _nll_loss _target_parts cross_entropy "
            "linear_cross_entropy nll_loss",
        "loss_ctc": "_ctc_loss _ctc_loss_backward _torch_ctc_loss ctc_loss",
        "loss_margin":
            "_torch_cosine_embedding_loss _torch_hinge_embedding_loss _torch_margin_ranking_loss _torch_triplet_margin_loss "
            "cosine_embedding_loss hinge_embedding_loss margin_ranking_loss multi_margin_loss multilabel_margin_loss "
            "multilabel_soft_margin_loss triplet_margin_loss triplet_margin_with_distance_loss",
        "lu":
            "_ldl _lu_factor _lu_with_info linalg_ldl_factor linalg_ldl_factor_ex linalg_ldl_solve linalg_lu linalg_lu_factor "
            "linalg_lu_factor_ex linalg_lu_solve lu lu_solve lu_unpack",
        "masked":
            "masked_amax masked_amin masked_argmax masked_argmin masked_cumprod masked_cumsum masked_log_softmax "
            "masked_logaddexp masked_logsumexp masked_mean masked_median masked_norm masked_normalize masked_prod "
            "masked_softmax masked_softmin masked_std masked_sum masked_var",
        "matrices": "_range_into _tri",
        "matrix_functions": "_matrix_exp linalg_cond linalg_matrix_exp linalg_matrix_norm linalg_norm",
        "norm":
            "_rms_norm _rms_norm_backward _row_norm _row_norm_backward group_norm layer_norm native_group_norm "
            "native_layer_norm rms_norm",
        "norm_batch":
            "_batch_norm _batch_norm_backward _torch_batch_norm _torch_instance_norm batch_norm instance_norm "
            "local_response_norm native_batch_norm",
        "norms": "_vector_norm linalg_vector_norm norm normalize renorm",
        "padding": "_pad_back _pad_with_self constant_pad_nd pad",
        "pointwise":
            "_sigmoid_adjoint _tanh_adjoint abs acos acosh asin asinh atan atanh cos cosh deg2rad exp exp2 expm1 log log10 "
            "log1p log2 logit positive rad2deg reciprocal rsqrt sgn sigmoid sign sin sinc sinh sqrt square tan tanh",
        "polynomials":
            "chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w hermite_polynomial_h "
            "hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p shifted_chebyshev_polynomial_t "
            "shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w",
        "pool": "_avg_pool _avg_pool_back avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d lp_pool3d",
        "pool_adaptive":
            "_adaptive_avg _adaptive_avg_back _adaptive_max _torch_adaptive_max_pool1d adaptive_avg_pool1d "
            "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool1d_with_indices adaptive_max_pool2d "
            "adaptive_max_pool2d_with_indices adaptive_max_pool3d adaptive_max_pool3d_with_indices",
        "pool_fractional":
            "fractional_max_pool2d fractional_max_pool2d_with_indices fractional_max_pool3d "
            "fractional_max_pool3d_with_indices",
        "pool_max":
            "_gather_planes _max_pool _max_pool_back _max_pool_indices _max_pool_places _place_planes _scatter_planes "
            "max_pool1d max_pool1d_with_indices max_pool2d max_pool2d_with_indices max_pool3d max_pool3d_with_indices "
            "max_unpool1d max_unpool2d max_unpool3d",
        "products": "_contract addbmm addmm addmv addr baddbmm bmm dot inner linalg_multi_dot mv outer tensordot vdot",
        "quantiles": "nanquantile quantile",
        "random":
            "_dirichlet_grad _normal _sample_dirichlet _standard_gamma _standard_gamma_grad bernoulli binomial gumbel_softmax "
            "multinomial normal poisson rand rand_like randint randint_like randn randn_like randperm",
        "reduce": "_is_zero all any count_nonzero logsumexp mean nanmean nansum prod sum sum_to_size",
        "rnn": "_recurrent_layer _recurrent_layer_backward gru_cell lstm_cell rnn_relu_cell rnn_tanh_cell",
        "rnn_sequence": "gru lstm rnn_relu rnn_tanh",
        "rounding": "_gate ceil floor frac isfinite isinf isnan isneginf isposinf isreal nan_to_num round signbit trunc",
        "scan": "_cumsum_back _reversed _shifted cummax cummin cumprod cumsum logcumsumexp",
        "segments": "segment_reduce",
        "sets":
            "_isin _places _search _unique2 _unique_consecutive _unique_dim argwhere bucketize isin nonzero nonzero_static "
            "searchsorted unique unique_consecutive",
        "shape":
            "_cast _move_between _overwritten _stale _view _write_path clone contiguous expand permute reshape squeeze "
            "swapaxes swapdims t transpose unsqueeze",
        "signal": "bartlett_window blackman_window hamming_window hann_window kaiser_window",
        "smooth":
            "_elu_adjoint _gelu_adjoint _rrelu _rrelu_noise _silu_adjoint celu elu gelu logsigmoid mish rrelu selu silu "
            "softplus softsign tanhshrink",
        "solve":
            "_inv _solve linalg_inv linalg_inv_ex linalg_solve linalg_solve_ex linalg_solve_triangular linalg_tensorinv "
            "linalg_tensorsolve triangular_solve",
        "sort": "_median_all _median_dim _nanmedian_all _nanmedian_dim argsort kthvalue median mode msort nanmedian sort topk",
        "special":
            "_method_polygamma digamma entr erf erfc erfcx erfinv igamma igammac lgamma log_ndtr mvlgamma ndtr ndtri "
            "polygamma xlog1py xlogy zeta",
        "split": "_split _unbind chunk dsplit hsplit split split_with_sizes tensor_split unbind vsplit",
        "statistics": "_std _var corrcoef cov std std_mean var var_mean",
        "stft": "istft stft",
        "strided":
            "_as_strided _as_strided_adjoint _as_strided_copy _laid_out _with_view alias as_strided as_strided_scatter "
            "diagonal_scatter narrow_copy select_scatter slice_scatter",
        "triangles": "diag diag_embed diagflat one_hot tril triu",
        "vectors":
            "_cross cross kron linalg_cross linalg_diagonal linalg_matrix_power linalg_vander linalg_vecdot trace vander",
        "views":
            "_diagonal _diagonal_adjoint _slice _unfold_adjoint _view_dtype adjoint diagonal expand_as flatten movedim narrow "
            "ravel reshape_as select unflatten unfold view view_as",
        "vision":
            "_col2im _f_unfold _im2col affine_grid affine_grid_generator channel_shuffle fold pixel_shuffle pixel_unshuffle",
    },
    "paths": {
        "activation":
            "F.glu F.hardshrink F.hardsigmoid F.hardswish F.hardtanh F.leaky_relu F.log_softmax F.prelu F.relu F.relu6 "
            "F.softmax F.softmin F.softshrink F.threshold special.log_softmax special.softmax tensor.hardshrink "
            "tensor.log_softmax tensor.prelu tensor.relu tensor.relu_ tensor.softmax torch.hardshrink torch.log_softmax "
            "torch.prelu torch.relu torch.softmax torch.threshold",
        "arithmetic":
            "tensor.__add__ tensor.__div__ tensor.__eq__ tensor.__floordiv__ tensor.__ge__ tensor.__gt__ tensor.__iadd__ "
            "tensor.__idiv__ tensor.__ifloordiv__ tensor.__imul__ tensor.__ipow__ tensor.__isub__ tensor.__itruediv__ "
            "tensor.__le__ tensor.__lt__ tensor.__mul__ tensor.__ne__ tensor.__neg__ tensor.__pow__ tensor.__radd__ "
            "tensor.__rdiv__ tensor.__rfloordiv__ tensor.__rmul__ tensor.__rpow__ tensor.__rsub__ tensor.__rtruediv__ "
            "tensor.__sub__ tensor.__truediv__ tensor.add tensor.add_ tensor.div tensor.div_ tensor.divide tensor.divide_ "
            "tensor.eq tensor.eq_ tensor.floor_divide tensor.floor_divide_ tensor.ge tensor.ge_ tensor.greater "
            "tensor.greater_ tensor.greater_equal tensor.greater_equal_ tensor.gt tensor.gt_ tensor.le tensor.le_ tensor.less "
            "tensor.less_ tensor.less_equal tensor.less_equal_ tensor.lt tensor.lt_ tensor.mul tensor.mul_ tensor.multiply "
            "tensor.multiply_ tensor.ne tensor.ne_ tensor.neg tensor.neg_ tensor.negative tensor.negative_ tensor.not_equal "
            "tensor.not_equal_ tensor.pow tensor.pow_ tensor.sub tensor.sub_ tensor.subtract tensor.subtract_ "
            "tensor.true_divide tensor.true_divide_ torch.add torch.div torch.divide torch.eq torch.floor_divide torch.ge "
            "torch.greater torch.greater_equal torch.gt torch.le torch.less torch.less_equal torch.lt torch.mul "
            "torch.multiply torch.ne torch.neg torch.negative torch.not_equal torch.pow torch.rsub torch.sub torch.subtract "
            "torch.true_divide",
        "arrange":
            "tensor.flip tensor.fliplr tensor.flipud tensor.repeat tensor.repeat_interleave tensor.roll tensor.rot90 "
            "tensor.tile torch.flip torch.fliplr torch.flipud torch.repeat_interleave torch.roll torch.rot90 torch.tile",
        "attention": "F.multi_head_attention_forward F.scaled_dot_product_attention",
        "bessel":
            "special.airy_ai special.bessel_j0 special.bessel_j1 special.bessel_y0 special.bessel_y1 special.i0 special.i0e "
            "special.i1 special.i1e special.modified_bessel_i0 special.modified_bessel_i1 special.modified_bessel_k0 "
            "special.modified_bessel_k1 special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1 "
            "special.spherical_bessel_j0 tensor.i0 tensor.i0_ torch.i0",
        "binary":
            "tensor.__imod__ tensor.__mod__ tensor.__rmod__ tensor.arctan2 tensor.arctan2_ tensor.atan2 tensor.atan2_ "
            "tensor.copysign tensor.copysign_ tensor.float_power tensor.float_power_ tensor.fmod tensor.fmod_ tensor.frexp "
            "tensor.heaviside tensor.heaviside_ tensor.hypot tensor.hypot_ tensor.isclose tensor.ldexp tensor.ldexp_ "
            "tensor.logaddexp tensor.logaddexp2 tensor.nextafter tensor.nextafter_ tensor.remainder tensor.remainder_ "
            "torch.arctan2 torch.atan2 torch.copysign torch.float_power torch.fmod torch.frexp torch.heaviside torch.hypot "
            "torch.isclose torch.ldexp torch.logaddexp torch.logaddexp2 torch.nextafter torch.remainder",
        "bitwise":
            "tensor.__and__ tensor.__iand__ tensor.__ilshift__ tensor.__invert__ tensor.__ior__ tensor.__irshift__ "
            "tensor.__ixor__ tensor.__lshift__ tensor.__or__ tensor.__rand__ tensor.__rlshift__ tensor.__ror__ "
            "tensor.__rrshift__ tensor.__rshift__ tensor.__rxor__ tensor.__xor__ tensor.bitwise_and tensor.bitwise_and_ "
            "tensor.bitwise_left_shift tensor.bitwise_left_shift_ tensor.bitwise_not tensor.bitwise_not_ tensor.bitwise_or "
            "tensor.bitwise_or_ tensor.bitwise_right_shift tensor.bitwise_right_shift_ tensor.bitwise_xor tensor.bitwise_xor_ "
            "tensor.gcd tensor.gcd_ tensor.hash_tensor tensor.lcm tensor.lcm_ tensor.logical_and tensor.logical_and_ "
            "tensor.logical_not tensor.logical_not_ tensor.logical_or tensor.logical_or_ tensor.logical_xor "
            "tensor.logical_xor_ torch.bitwise_and torch.bitwise_left_shift torch.bitwise_not torch.bitwise_or "
            "torch.bitwise_right_shift torch.bitwise_xor torch.gcd torch.hash_tensor torch.lcm torch.logical_and "
            "torch.logical_not torch.logical_or torch.logical_xor",
        "cholesky":
            "linalg.cholesky linalg.cholesky_ex tensor.cholesky tensor.cholesky_inverse tensor.cholesky_solve torch.cholesky "
            "torch.cholesky_inverse torch.cholesky_solve",
        "choose":
            "tensor.addcdiv tensor.addcdiv_ tensor.addcmul tensor.addcmul_ tensor.lerp tensor.lerp_ tensor.masked_fill "
            "tensor.masked_fill_ tensor.where torch.addcdiv torch.addcmul torch.lerp torch.masked_fill torch.where",
        "complex":
            "tensor.angle tensor.conj tensor.conj_physical tensor.conj_physical_ tensor.resolve_conj tensor.resolve_neg "
            "torch.angle torch.complex torch.conj torch.conj_physical torch.imag torch.polar torch.real torch.resolve_conj "
            "torch.resolve_neg torch.view_as_complex torch.view_as_real",
        "conv": "F.conv1d F.conv2d F.conv3d torch.conv1d torch.conv2d torch.conv3d",
        "conv_transpose":
            "F.conv_tbc F.conv_transpose1d F.conv_transpose2d F.conv_transpose3d torch.conv_tbc torch.conv_transpose1d "
            "torch.conv_transpose2d torch.conv_transpose3d torch.convolution",
        "create":
            "torch.arange torch.empty torch.empty_like torch.empty_permuted torch.empty_strided torch.eye torch.full "
            "torch.full_like torch.linspace torch.logspace torch.ones torch.ones_like torch.range torch.scalar_tensor "
            "torch.zeros torch.zeros_like",
        "decomposition":
            "linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh linalg.qr linalg.svd linalg.svdvals tensor.qr tensor.svd "
            "torch.qr torch.svd",
        "determinants":
            "linalg.det linalg.slogdet tensor.det tensor.logdet tensor.slogdet torch.det torch.logdet torch.slogdet",
        "differences": "tensor.diff torch.cumulative_trapezoid torch.diff torch.gradient torch.trapezoid torch.trapz",
        "distances":
            "F.cosine_similarity F.pairwise_distance F.pdist tensor.dist torch.cdist torch.cosine_similarity torch.dist "
            "torch.pairwise_distance torch.pdist",
        "dropout":
            "F.alpha_dropout F.dropout F.dropout1d F.dropout2d F.dropout3d F.feature_alpha_dropout torch.alpha_dropout "
            "torch.dropout torch.feature_alpha_dropout torch.feature_dropout",
        "embedding": "F.embedding F.embedding_bag torch.embedding torch.embedding_bag torch.embedding_renorm_",
        "extrema":
            "tensor.amax tensor.amin tensor.aminmax tensor.argmax tensor.argmin tensor.max tensor.min torch.amax torch.amin "
            "torch.aminmax torch.argmax torch.argmin torch.max torch.min",
        "extremes":
            "tensor.clamp tensor.clamp_ tensor.clamp_max tensor.clamp_max_ tensor.clamp_min tensor.clamp_min_ tensor.clip "
            "tensor.clip_ tensor.fmax tensor.fmin tensor.maximum tensor.minimum torch.clamp torch.clamp_max torch.clamp_min "
            "torch.clip torch.fmax torch.fmin torch.maximum torch.minimum",
        "fft":
            "fft.fft fft.fft2 fft.fftfreq fft.fftn fft.fftshift fft.hfft fft.hfft2 fft.hfftn fft.ifft fft.ifft2 fft.ifftn "
            "fft.ifftshift fft.ihfft fft.ihfft2 fft.ihfftn fft.irfft fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftfreq "
            "fft.rfftn",
        "gather":
            "tensor.gather tensor.scatter tensor.scatter_ tensor.scatter_add tensor.scatter_add_ tensor.scatter_reduce "
            "tensor.scatter_reduce_ tensor.take_along_dim torch.gather torch.scatter torch.scatter_add torch.scatter_reduce "
            "torch.take_along_dim",
        "grid_sample": "F.grid_sample torch.grid_sampler torch.grid_sampler_2d torch.grid_sampler_3d",
        "histograms":
            "tensor.bincount tensor.histc tensor.histogram torch.bincount torch.histc torch.histogram torch.histogramdd",
        "householder": "linalg.householder_product tensor.geqrf tensor.orgqr tensor.ormqr torch.geqrf torch.orgqr torch.ormqr",
        "index_along":
            "tensor.index_add tensor.index_add_ tensor.index_copy tensor.index_copy_ tensor.index_fill tensor.index_fill_ "
            "tensor.index_reduce tensor.index_reduce_ tensor.index_select tensor.masked_scatter tensor.masked_scatter_ "
            "tensor.masked_select tensor.put tensor.put_ tensor.take torch.index_add torch.index_copy torch.index_fill "
            "torch.index_reduce torch.index_select torch.masked_scatter torch.masked_select torch.put torch.take",
        "interpolate": "F.interpolate F.upsample F.upsample_bilinear F.upsample_nearest",
        "join":
            "torch.cat torch.column_stack torch.concat torch.concatenate torch.dstack torch.hstack torch.row_stack "
            "torch.stack torch.vstack",
        "least_squares":
            "linalg.lstsq linalg.matrix_rank linalg.pinv tensor.pinverse torch.lobpcg torch.pca_lowrank torch.pinverse "
            "torch.svd_lowrank",
        "linalg":
            "linalg.matmul tensor.__imatmul__ tensor.__matmul__ tensor.__rmatmul__ tensor.matmul tensor.mm torch.matmul "
            "torch.mm",
        "linear": "F.bilinear F.linear torch.bilinear",
        "loss":
            "F.gaussian_nll_loss F.huber_loss F.l1_loss F.mse_loss F.poisson_nll_loss F.smooth_l1_loss F.soft_margin_loss "
            "torch.poisson_nll_loss",
        "loss_binary":
            "F.binary_cross_entropy F.binary_cross_entropy_with_logits F.kl_div torch.binary_cross_entropy_with_logits "
            "torch.kl_div",
        "loss_class": "F.cross_entropy F.linear_cross_entropy F.nll_loss",
        "loss_ctc": "F.ctc_loss torch.ctc_loss",
        "loss_margin":
            "F.cosine_embedding_loss F.hinge_embedding_loss F.margin_ranking_loss F.multi_margin_loss "
            "F.multilabel_margin_loss F.multilabel_soft_margin_loss F.triplet_margin_loss F.triplet_margin_with_distance_loss "
            "torch.cosine_embedding_loss torch.hinge_embedding_loss torch.margin_ranking_loss torch.triplet_margin_loss",
        "lu":
            "linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve linalg.lu linalg.lu_factor linalg.lu_factor_ex "
            "linalg.lu_solve tensor.lu tensor.lu_solve torch._lu_with_info torch.lu torch.lu_solve torch.lu_unpack",
        "masked":
            "masked.amax masked.amin masked.argmax masked.argmin masked.cumprod masked.cumsum masked.log_softmax "
            "masked.logaddexp masked.logsumexp masked.mean masked.median masked.norm masked.normalize masked.prod "
            "masked.softmax masked.softmin masked.std masked.sum masked.var",
        "matrix_functions": "linalg.cond linalg.matrix_exp linalg.matrix_norm linalg.norm tensor.matrix_exp torch.matrix_exp",
        "norm":
            "F.group_norm F.layer_norm F.rms_norm torch.group_norm torch.layer_norm torch.native_group_norm "
            "torch.native_layer_norm torch.rms_norm",
        "norm_batch":
            "F.batch_norm F.instance_norm F.local_response_norm torch.batch_norm torch.instance_norm torch.native_batch_norm",
        "norms": "F.normalize linalg.vector_norm tensor.norm tensor.renorm tensor.renorm_ torch.norm torch.renorm",
        "padding": "F.pad torch.constant_pad_nd",
        "pointwise":
            "F.sigmoid F.tanh special.exp2 special.expit special.expm1 special.log1p special.logit special.sinc "
            "tensor.__abs__ tensor.__pos__ tensor.abs tensor.abs_ tensor.absolute tensor.absolute_ tensor.acos tensor.acos_ "
            "tensor.acosh tensor.acosh_ tensor.arccos tensor.arccos_ tensor.arccosh tensor.arccosh_ tensor.arcsin "
            "tensor.arcsin_ tensor.arcsinh tensor.arcsinh_ tensor.arctan tensor.arctan_ tensor.arctanh tensor.arctanh_ "
            "tensor.asin tensor.asin_ tensor.asinh tensor.asinh_ tensor.atan tensor.atan_ tensor.atanh tensor.atanh_ "
            "tensor.cos tensor.cos_ tensor.cosh tensor.cosh_ tensor.deg2rad tensor.deg2rad_ tensor.exp tensor.exp2 "
            "tensor.exp2_ tensor.exp_ tensor.expm1 tensor.expm1_ tensor.log tensor.log10 tensor.log10_ tensor.log1p "
            "tensor.log1p_ tensor.log2 tensor.log2_ tensor.log_ tensor.logit tensor.logit_ tensor.positive tensor.rad2deg "
            "tensor.rad2deg_ tensor.reciprocal tensor.reciprocal_ tensor.rsqrt tensor.rsqrt_ tensor.sgn tensor.sgn_ "
            "tensor.sigmoid tensor.sigmoid_ tensor.sign tensor.sign_ tensor.sin tensor.sin_ tensor.sinc tensor.sinc_ "
            "tensor.sinh tensor.sinh_ tensor.sqrt tensor.sqrt_ tensor.square tensor.square_ tensor.tan tensor.tan_ "
            "tensor.tanh tensor.tanh_ torch.abs torch.absolute torch.acos torch.acosh torch.arccos torch.arccosh torch.arcsin "
            "torch.arcsinh torch.arctan torch.arctanh torch.asin torch.asinh torch.atan torch.atanh torch.cos torch.cosh "
            "torch.deg2rad torch.exp torch.exp2 torch.expm1 torch.log torch.log10 torch.log1p torch.log2 torch.logit "
            "torch.positive torch.rad2deg torch.reciprocal torch.rsqrt torch.sgn torch.sigmoid torch.sign torch.sin "
            "torch.sinc torch.sinh torch.sqrt torch.square torch.tan torch.tanh",
        "polynomials":
            "special.chebyshev_polynomial_t special.chebyshev_polynomial_u special.chebyshev_polynomial_v "
            "special.chebyshev_polynomial_w special.hermite_polynomial_h special.hermite_polynomial_he "
            "special.laguerre_polynomial_l special.legendre_polynomial_p special.shifted_chebyshev_polynomial_t "
            "special.shifted_chebyshev_polynomial_u special.shifted_chebyshev_polynomial_v "
            "special.shifted_chebyshev_polynomial_w",
        "pool": "F.avg_pool1d F.avg_pool2d F.avg_pool3d F.lp_pool1d F.lp_pool2d F.lp_pool3d torch.avg_pool1d",
        "pool_adaptive":
            "F.adaptive_avg_pool1d F.adaptive_avg_pool2d F.adaptive_avg_pool3d F.adaptive_max_pool1d "
            "F.adaptive_max_pool1d_with_indices F.adaptive_max_pool2d F.adaptive_max_pool2d_with_indices "
            "F.adaptive_max_pool3d F.adaptive_max_pool3d_with_indices torch.adaptive_avg_pool1d torch.adaptive_max_pool1d",
        "pool_fractional":
            "F.fractional_max_pool2d F.fractional_max_pool2d_with_indices F.fractional_max_pool3d "
            "F.fractional_max_pool3d_with_indices",
        "pool_max":
            "F.max_pool1d F.max_pool1d_with_indices F.max_pool2d F.max_pool2d_with_indices F.max_pool3d "
            "F.max_pool3d_with_indices F.max_unpool1d F.max_unpool2d F.max_unpool3d torch.max_pool1d "
            "torch.max_pool1d_with_indices torch.max_pool2d torch.max_pool3d",
        "products":
            "linalg.multi_dot tensor.addbmm tensor.addmm tensor.addmm_ tensor.addmv tensor.addmv_ tensor.addr tensor.addr_ "
            "tensor.baddbmm tensor.baddbmm_ tensor.bmm tensor.dot tensor.ger tensor.inner tensor.mv tensor.outer tensor.vdot "
            "torch.addbmm torch.addmm torch.addmv torch.addr torch.baddbmm torch.bmm torch.dot torch.ger torch.inner torch.mv "
            "torch.outer torch.tensordot torch.vdot",
        "quantiles": "tensor.nanquantile tensor.quantile torch.nanquantile torch.quantile",
        "random":
            "F.gumbel_softmax tensor.bernoulli tensor.multinomial torch._dirichlet_grad torch._sample_dirichlet "
            "torch._standard_gamma torch._standard_gamma_grad torch.bernoulli torch.binomial torch.multinomial torch.normal "
            "torch.poisson torch.rand torch.rand_like torch.randint torch.randint_like torch.randn torch.randn_like "
            "torch.randperm",
        "reduce":
            "special.logsumexp tensor.all tensor.any tensor.count_nonzero tensor.logsumexp tensor.mean tensor.nanmean "
            "tensor.nansum tensor.prod tensor.sum tensor.sum_to_size torch.all torch.any torch.count_nonzero torch.logsumexp "
            "torch.mean torch.nanmean torch.nansum torch.prod torch.sum",
        "rnn": "torch.gru_cell torch.lstm_cell torch.rnn_relu_cell torch.rnn_tanh_cell",
        "rnn_sequence": "torch.gru torch.lstm torch.rnn_relu torch.rnn_tanh",
        "rounding":
            "special.round tensor.ceil tensor.ceil_ tensor.fix tensor.fix_ tensor.floor tensor.floor_ tensor.frac "
            "tensor.frac_ tensor.isfinite tensor.isinf tensor.isnan tensor.isneginf tensor.isposinf tensor.isreal "
            "tensor.nan_to_num tensor.nan_to_num_ tensor.round tensor.round_ tensor.signbit tensor.trunc tensor.trunc_ "
            "torch.ceil torch.fix torch.floor torch.frac torch.isfinite torch.isinf torch.isnan torch.isneginf torch.isposinf "
            "torch.isreal torch.nan_to_num torch.round torch.signbit torch.trunc",
        "scan":
            "tensor.cummax tensor.cummin tensor.cumprod tensor.cumprod_ tensor.cumsum tensor.cumsum_ tensor.logcumsumexp "
            "torch.cummax torch.cummin torch.cumprod torch.cumsum torch.logcumsumexp",
        "segments": "torch._segment_reduce torch.segment_reduce",
        "sets":
            "tensor.argwhere tensor.nonzero tensor.nonzero_static tensor.unique tensor.unique_consecutive torch.argwhere "
            "torch.bucketize torch.isin torch.nonzero torch.nonzero_static torch.searchsorted torch.unique "
            "torch.unique_consecutive",
        "shape":
            "tensor.broadcast_to tensor.clone tensor.contiguous tensor.expand tensor.permute tensor.reshape tensor.squeeze "
            "tensor.swapaxes tensor.swapdims tensor.t tensor.transpose tensor.unsqueeze torch.broadcast_to torch.clone "
            "torch.permute torch.reshape torch.squeeze torch.swapaxes torch.swapdims torch.t torch.transpose torch.unsqueeze",
        "signal": "torch.bartlett_window torch.blackman_window torch.hamming_window torch.hann_window torch.kaiser_window",
        "smooth":
            "F.celu F.elu F.gelu F.logsigmoid F.mish F.rrelu F.selu F.silu F.softplus F.softsign F.tanhshrink torch.celu "
            "torch.rrelu torch.selu",
        "solve":
            "linalg.inv linalg.inv_ex linalg.solve linalg.solve_ex linalg.solve_triangular linalg.tensorinv "
            "linalg.tensorsolve tensor.inverse tensor.triangular_solve torch.inverse torch.triangular_solve",
        "sort":
            "tensor.argsort tensor.kthvalue tensor.median tensor.mode tensor.msort tensor.nanmedian tensor.sort tensor.topk "
            "torch.argsort torch.kthvalue torch.median torch.mode torch.msort torch.nanmedian torch.sort torch.topk",
        "special":
            "special.digamma special.entr special.erf special.erfc special.erfcx special.erfinv special.gammainc "
            "special.gammaincc special.gammaln special.log_ndtr special.multigammaln special.ndtr special.ndtri "
            "special.polygamma special.psi special.xlog1py special.xlogy special.zeta tensor.digamma tensor.digamma_ "
            "tensor.erf tensor.erf_ tensor.erfc tensor.erfc_ tensor.erfinv tensor.erfinv_ tensor.igamma tensor.igamma_ "
            "tensor.igammac tensor.igammac_ tensor.lgamma tensor.lgamma_ tensor.mvlgamma tensor.mvlgamma_ tensor.polygamma "
            "tensor.polygamma_ tensor.xlogy tensor.xlogy_ torch.digamma torch.erf torch.erfc torch.erfinv torch.igamma "
            "torch.igammac torch.lgamma torch.mvlgamma torch.polygamma torch.xlogy",
        "split":
            "tensor.chunk tensor.dsplit tensor.hsplit tensor.split tensor.split_with_sizes tensor.tensor_split tensor.unbind "
            "tensor.vsplit torch.chunk torch.dsplit torch.hsplit torch.split torch.split_with_sizes torch.tensor_split "
            "torch.unbind torch.vsplit",
        "statistics":
            "tensor.corrcoef tensor.cov tensor.std tensor.var torch.corrcoef torch.cov torch.std torch.std_mean torch.var "
            "torch.var_mean",
        "stft": "tensor.istft tensor.stft torch.istft torch.stft",
        "strided":
            "tensor.as_strided tensor.as_strided_scatter tensor.diagonal_scatter tensor.narrow_copy tensor.select_scatter "
            "tensor.slice_scatter torch.as_strided torch.as_strided_scatter torch.diagonal_scatter torch.narrow_copy "
            "torch.select_scatter torch.slice_scatter",
        "triangles":
            "F.one_hot tensor.diag tensor.diag_embed tensor.diagflat tensor.tril tensor.tril_ tensor.triu tensor.triu_ "
            "torch.diag torch.diag_embed torch.diagflat torch.tril torch.triu",
        "vectors":
            "linalg.cross linalg.diagonal linalg.matrix_power linalg.vander linalg.vecdot tensor.cross tensor.kron "
            "tensor.matrix_power tensor.trace torch.cross torch.kron torch.matrix_power torch.trace torch.vander",
        "views":
            "tensor.adjoint tensor.diagonal tensor.expand_as tensor.flatten tensor.moveaxis tensor.movedim tensor.narrow "
            "tensor.ravel tensor.reshape_as tensor.select tensor.unflatten tensor.unfold tensor.view tensor.view_as "
            "torch.adjoint torch.diagonal torch.flatten torch.moveaxis torch.movedim torch.narrow torch.ravel torch.select "
            "torch.unflatten",
        "vision":
            "F.affine_grid F.channel_shuffle F.fold F.native_channel_shuffle F.pixel_shuffle F.pixel_unshuffle F.unfold "
            "torch.affine_grid_generator torch.channel_shuffle torch.native_channel_shuffle torch.pixel_shuffle "
            "torch.pixel_unshuffle",
    },
    "functions": {
        "arrange": "torch.block_diag torch.cartesian_prod torch.combinations torch.meshgrid",
        "binary": "tensor.allclose tensor.equal torch.allclose torch.equal",
        "complex":
            "tensor.imag tensor.real torch.is_complex torch.is_conj torch.is_floating_point torch.is_inference torch.is_neg "
            "torch.is_signed",
        "convert":
            "tensor.bfloat16 tensor.bool tensor.byte tensor.cdouble tensor.cfloat tensor.chalf tensor.char tensor.copy_ "
            "tensor.double tensor.fill_ tensor.fill_diagonal_ tensor.float tensor.half tensor.int tensor.is_nonzero "
            "tensor.is_same_size tensor.long tensor.short tensor.to_dense tensor.type_as tensor.zero_ torch.can_cast "
            "torch.detach torch.detach_ torch.detach_copy torch.fill torch.fill_ torch.get_device torch.is_nonzero "
            "torch.is_same_size torch.numel torch.zero_",
        "einsum": "torch.einsum",
        "foreach":
            "torch._foreach_abs torch._foreach_abs_ torch._foreach_acos torch._foreach_acos_ torch._foreach_add "
            "torch._foreach_add_ torch._foreach_addcdiv torch._foreach_addcdiv_ torch._foreach_addcmul "
            "torch._foreach_addcmul_ torch._foreach_asin torch._foreach_asin_ torch._foreach_atan torch._foreach_atan_ "
            "torch._foreach_ceil torch._foreach_ceil_ torch._foreach_clamp_max torch._foreach_clamp_max_ "
            "torch._foreach_clamp_min torch._foreach_clamp_min_ torch._foreach_clone torch._foreach_copy_ torch._foreach_cos "
            "torch._foreach_cos_ torch._foreach_cosh torch._foreach_cosh_ torch._foreach_div torch._foreach_div_ "
            "torch._foreach_erf torch._foreach_erf_ torch._foreach_erfc torch._foreach_erfc_ torch._foreach_exp "
            "torch._foreach_exp_ torch._foreach_expm1 torch._foreach_expm1_ torch._foreach_floor torch._foreach_floor_ "
            "torch._foreach_frac torch._foreach_frac_ torch._foreach_lerp torch._foreach_lerp_ torch._foreach_lgamma "
            "torch._foreach_lgamma_ torch._foreach_log torch._foreach_log10 torch._foreach_log10_ torch._foreach_log1p "
            "torch._foreach_log1p_ torch._foreach_log2 torch._foreach_log2_ torch._foreach_log_ torch._foreach_max "
            "torch._foreach_maximum torch._foreach_maximum_ torch._foreach_minimum torch._foreach_minimum_ torch._foreach_mm "
            "torch._foreach_mul torch._foreach_mul_ torch._foreach_neg torch._foreach_neg_ torch._foreach_norm "
            "torch._foreach_pow torch._foreach_pow_ torch._foreach_reciprocal torch._foreach_reciprocal_ torch._foreach_round "
            "torch._foreach_round_ torch._foreach_rsqrt torch._foreach_rsqrt_ torch._foreach_sigmoid torch._foreach_sigmoid_ "
            "torch._foreach_sign torch._foreach_sign_ torch._foreach_sin torch._foreach_sin_ torch._foreach_sinh "
            "torch._foreach_sinh_ torch._foreach_sqrt torch._foreach_sqrt_ torch._foreach_sub torch._foreach_sub_ "
            "torch._foreach_tan torch._foreach_tan_ torch._foreach_tanh torch._foreach_tanh_ torch._foreach_trunc "
            "torch._foreach_trunc_ torch._foreach_zero_",
        "from_memory":
            "tensor.new tensor.new_empty tensor.new_empty_strided tensor.new_full tensor.new_ones tensor.new_tensor "
            "tensor.new_zeros torch.asarray torch.from_dlpack torch.frombuffer utils.dlpack.from_dlpack "
            "utils.dlpack.to_dlpack",
        "index": "tensor.__getitem__ tensor.__setitem__ tensor.index_put tensor.index_put_ torch.index_put torch.index_put_",
        "index_along": "torch.unravel_index",
        "inplace":
            "F.celu_ F.elu_ F.hardtanh_ F.leaky_relu_ F.rrelu_ F.selu_ F.threshold_ torch.celu_ torch.rrelu_ torch.selu_ "
            "torch.threshold_",
        "join": "torch.atleast_1d torch.atleast_2d torch.atleast_3d",
        "products": "tensor.addbmm_ torch.chain_matmul",
        "random":
            "tensor.bernoulli_ tensor.cauchy_ tensor.exponential_ tensor.geometric_ tensor.log_normal_ tensor.normal_ "
            "tensor.random_ tensor.uniform_ torch.Generator torch.fork_rng torch.get_rng_state torch.initial_seed "
            "torch.manual_seed torch.seed torch.set_rng_state",
        "resize":
            "tensor.apply_ tensor.as_strided_ tensor.dim_order tensor.map2_ tensor.map_ tensor.resize_ tensor.resize_as_ "
            "tensor.set_ tensor.squeeze_ tensor.swapaxes_ tensor.swapdims_ tensor.t_ tensor.transpose_ tensor.unsqueeze_ "
            "torch.as_strided_ torch.resize_as_",
        "signal":
            "signal.windows.bartlett signal.windows.blackman signal.windows.cosine signal.windows.exponential "
            "signal.windows.gaussian signal.windows.general_cosine signal.windows.general_hamming signal.windows.hamming "
            "signal.windows.hann signal.windows.kaiser signal.windows.nuttall",
        "split":
            "tensor.unsafe_chunk tensor.unsafe_split tensor.unsafe_split_with_sizes torch.unsafe_chunk torch.unsafe_split "
            "torch.unsafe_split_with_sizes",
        "strided":
            "torch.alias_copy torch.as_strided_copy torch.diagonal_copy torch.expand_copy torch.permute_copy "
            "torch.select_copy torch.slice_copy torch.split_copy torch.split_with_sizes_copy torch.squeeze_copy torch.t_copy "
            "torch.transpose_copy torch.unbind_copy torch.unfold_copy torch.unsqueeze_copy torch.view_as_complex_copy "
            "torch.view_as_real_copy torch.view_copy",
        "triangles": "torch.tril_indices torch.triu_indices",
        "views": "tensor.H tensor.T tensor.mH tensor.mT torch.broadcast_shapes torch.broadcast_tensors",
    },
    "rule_helpers": {
        "arrays": "linked",
        "cholesky": "linalg_cholesky_ex_ok",
        "linalg": "adjoint_of mm_nt mm_tn",
        "matrices": "diag_matrix diag_of identity_like lower part_of to_tensor_like upper",
        "reduce": "in_real_or_complex product_of_others",
        "shape": "_move _stale_view _write_view conj_of",
    },
    "raw_helpers": {
        "arrays": "linked",
        "linalg": "mm_nt mm_tn squeeze",
        "shape": "conj_of reshape",
    },
}
